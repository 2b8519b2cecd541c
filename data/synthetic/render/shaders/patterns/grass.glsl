void paint(inout Surface s) {
    float blade = fine(s.p, 9.0, s.px, seed) + 0.8 * fine(s.p, 22.0, s.px, seed + 1u), tuft = fbm(s.p, 130.0, s.px, seed + 2u);
    float field = fbm(s.p, 2500.0, s.px, seed + 5u), bare = smoothstep(0.25, 0.6, fbm(s.p, 900.0, s.px, seed + 9u));
    s.albedo = mix(colours[0], colours[1], clamp(0.5 + 0.6 * field + 0.35 * tuft, 0.0, 1.0));
    s.albedo = mix(s.albedo, colours[2], 0.6 * bare) * (1.0 + 0.3 * blade + 0.35 * tuft);
    s.height = 5.0 * blade + 18.0 * tuft;
    s.gloss = 0.01;
}
