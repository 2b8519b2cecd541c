// Square tiles with joints in the plane x, y; neighbours differ a little.
void paint(inout Surface s) {
    vec2 at = s.p.xy / scale;
    float w = s.px / scale, joint = max(pulses(at.x, 4.0 / scale, w), pulses(at.y, 4.0 / scale, w));
    float tone = hash(ivec3(ivec2(floor(at)), 3), seed), cloud = fbm(s.p, 0.6 * scale, s.px, seed);
    s.albedo = mix(colours[0] * (1.0 + 0.10 * (tone - 0.5) * fade(scale, s.px) + 0.08 * cloud), colours[1], joint);
    s.rough = mix(roughness, 0.9, joint);
    s.height = -1.5 * joint;
}
