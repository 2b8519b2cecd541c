// A tartan: broad bands both ways, and a thin line of a third colour.
void paint(inout Surface s) {
    float w = s.px / scale, a = around(s.p) / scale, b = s.p.z / scale;
    float bands = 0.5 * (pulses(a, 0.5, w) + pulses(b, 0.5, w));
    float lines = max(pulses(a + 0.23, 0.06, w), pulses(b + 0.23, 0.06, w));
    s.albedo = mix(mix(colours[0], colours[1], bands), colours[2], 0.7 * lines);
    s.albedo *= 1.0 + 0.05 * fbm(s.p, 50.0, s.px, seed) + 0.06 * fine(s.p, 2.0, s.px, seed + 3u);
    s.height = 2.0 * fbm(s.p, 45.0, s.px, seed + 4u);
    s.gloss = 0.03;
}
