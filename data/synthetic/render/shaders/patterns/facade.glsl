// Storeys of windows in the plane x, y (y up); `scale` is a storey's height.
void paint(inout Surface s) {
    vec2 at = s.p.xy / scale;
    float w = s.px / scale, pane = pulses(at.x - 0.3, 0.45, w) * pulses(at.y - 0.3, 0.55, w);
    float tone = hash(ivec3(ivec2(floor(at - 0.3)), 3), seed);
    s.albedo = mix(colours[0] * (1.0 + 0.1 * fbm(s.p, 2.0 * scale, s.px, seed)), mix(colours[1], colours[2], tone * 0.6), pane);
    s.rough = mix(roughness, 0.15, pane);
}
