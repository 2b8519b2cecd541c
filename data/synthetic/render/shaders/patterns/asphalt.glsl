void paint(inout Surface s) {
    float stone = fine(s.p, 8.0, s.px, seed) + 0.6 * fine(s.p, 16.0, s.px, seed + 1u), worn = fbm(s.p, 1800.0, s.px, seed + 2u);
    float patch_ = smoothstep(0.30, 0.34 + s.px / 700.0, noise(s.p / 2600.0, seed + 6u)) * fade(2600.0, s.px);
    s.albedo *= 1.0 + 0.25 * stone + 0.14 * worn + 0.10 * fbm(s.p, 160.0, s.px, seed + 4u) - 0.08 * patch_;
    s.height = 1.6 * stone;
}
