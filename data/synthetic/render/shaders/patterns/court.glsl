// A sports floor in the plane x, y: boards with lines of other colours; `scale` is the width between lines.
void paint(inout Surface s) {
    vec3 q = vec3(s.p.x * 0.05, s.p.y, s.p.z);
    float row = floor(s.p.y / 70.0), tone = hash(ivec3(int(row), int(floor(s.p.x / 900.0 + 0.5 * mod(row, 2.0))), 1), seed);
    float grain = fbm(q + 99.0 * tone, 14.0, s.px, seed);
    s.albedo = colours[0] * (0.92 + 0.16 * tone * fade(70.0, s.px) + 0.12 * grain);
    float w = s.px / scale, lines = max(pulses(s.p.x / scale, 50.0 / scale, w), pulses(0.6 * s.p.y / scale + 0.3, 30.0 / scale, 0.6 * w));
    float ring = abs(length(s.p.xy - scale * vec2(0.35, 0.5)) - 0.4 * scale);
    float soft = 0.5 * s.px + 1.0, arc = 1.0 - smoothstep(25.0 - soft, 25.0 + soft, ring);
    s.albedo = mix(mix(s.albedo, colours[1], lines), colours[2], arc);
    s.rough = clamp(roughness + 0.05 * grain, 0.05, 1.0);
}
