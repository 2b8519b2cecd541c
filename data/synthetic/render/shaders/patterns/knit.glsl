// Rows of stitches, each a small V.
void paint(inout Surface s) {
    float size = clamp(0.06 * scale, 3.0, 12.0), a = around(s.p) / size;
    float row = s.p.z / (0.7 * size) + 0.45 * abs(fract(a) * 2.0 - 1.0);
    float stitch = fade(0.7 * size, s.px) * (abs(fract(row) * 2.0 - 1.0) * 1.2 - 0.6 - 0.5 * (1.0 - abs(sin(3.14159 * a))));
    s.albedo *= 0.94 + 0.22 * stitch + 0.07 * fbm(s.p, 50.0, s.px, seed) + 0.06 * fine(s.p, 3.0, s.px, seed + 3u);
    s.height = 0.28 * size * stitch + 1.5 * fbm(s.p, 45.0, s.px, seed + 4u);
    s.gloss = 0.025;
}
