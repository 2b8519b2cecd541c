// Boards along x, `scale` wide, in the plane x, y.
void paint(inout Surface s) {
    float row = floor(s.p.y / scale), length_ = 9.0 * scale, shift = hash(ivec3(int(row), 0, 0), seed) * length_;
    float board = floor((s.p.x + shift) / length_);
    float tone = hash(ivec3(int(row), int(board), 1), seed);
    tone = mix(0.5, tone, fade(3.0 * scale, s.px));
    vec3 q = vec3(s.p.x * 0.06, s.p.y, s.p.z) + 400.0 * tone;
    float grain = fbm(q, 0.16 * scale, s.px * 0.7, seed + 2u) + 0.6 * fine(q, 3.0, s.px, seed + 6u);
    s.albedo = mix(colours[0], colours[1], clamp(0.15 + 0.5 * tone + 0.45 * grain, 0.0, 1.0));
    float gap = max(pulses(s.p.y / scale, 2.5 / scale, s.px / scale), pulses((s.p.x + shift) / length_, 2.5 / length_, s.px / length_));
    s.albedo *= 1.0 - 0.65 * gap;
    s.rough = clamp(roughness + 0.12 * grain, 0.08, 1.0);
    s.height = -1.0 * gap + 0.25 * grain;
}
