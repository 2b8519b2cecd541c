// Upright lines.
void paint(inout Surface s) {
    s.albedo = mix(colours[0], colours[1], pulses(around(s.p) / scale, 0.18, s.px / scale));
    s.albedo *= 1.0 + 0.05 * fbm(s.p, 50.0, s.px, seed) + 0.06 * fine(s.p, 2.0, s.px, seed + 3u);
    s.height = 2.0 * fbm(s.p, 45.0, s.px, seed + 4u);
    s.gloss = 0.03;
}
