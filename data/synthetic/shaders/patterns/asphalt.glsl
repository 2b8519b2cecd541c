void paint(inout Surface s) {
    float stone = fine(s.p, 8.0, s.px, seed) + 0.6 * fine(s.p, 16.0, s.px, seed + 1u), worn = fbm(s.p, 1800.0, s.px, seed + 2u);
    float crack = 1.0 - smoothstep(0.0, 0.015 + 2.0 * s.px / 900.0, abs(fbm(s.p, 1400.0, s.px, seed + 6u)));
    s.albedo *= 1.0 + 0.25 * stone + 0.18 * worn - 0.35 * crack * fade(60.0, s.px);
    s.height = 1.6 * stone;
}
