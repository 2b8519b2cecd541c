void paint(inout Surface s) {
    float crease = 1.0 - abs(fbm(s.p, 25.0, s.px, seed)), grain = fine(s.p, 3.0, s.px, seed + 3u);
    s.albedo *= 1.0 + 0.08 * fbm(s.p, 120.0, s.px, seed + 5u) + 0.06 * grain;
    s.height = 1.2 * crease + 0.3 * grain;
    s.rough = clamp(roughness + 0.1 * grain, 0.1, 1.0);
}
