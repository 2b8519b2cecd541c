void paint(inout Surface s) {
    s.albedo *= 1.0 + 0.03 * fbm(s.p, 8.0 * scale, s.px, seed);
    s.height = 0.4 * fine(s.p, 0.04 * scale, s.px, seed + 9u);
}
