void paint(inout Surface s) {
    float tuft = fine(s.p, 6.0, s.px, seed) + 0.7 * fine(s.p, 3.0, s.px, seed + 2u), worn = fbm(s.p, 500.0, s.px, seed + 4u);
    float patch_ = smoothstep(-0.15, 0.15, fbm(s.p, 4.0 * scale, s.px, seed + 7u));
    s.albedo = mix(colours[0], colours[1], 0.12 * patch_ + 0.3 * clamp(0.5 + tuft, 0.0, 1.0)) * (1.0 + 0.2 * tuft + 0.08 * worn);
    s.height = 1.5 * tuft;
    s.gloss = 0.015;
}
