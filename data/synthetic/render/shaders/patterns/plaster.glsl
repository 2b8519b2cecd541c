void paint(inout Surface s) {
    float cloud = fbm(s.p, 1500.0, s.px, seed), grain = fbm(s.p, 10.0, s.px, seed + 4u);
    s.albedo *= 1.0 + 0.05 * cloud + 0.03 * grain;
    s.height = 0.8 * grain;
    s.gloss = 0.03;
}
