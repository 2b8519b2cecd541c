void paint(inout Surface s) {
    float leaf = fine(s.p, 30.0, s.px, seed), clump = fbm(s.p, 160.0, s.px, seed + 3u);
    s.albedo = mix(colours[0], colours[1], clamp(0.5 + 0.4 * leaf + 0.5 * clump, 0.0, 1.0)) * (1.0 + 0.35 * leaf);
    s.height = 9.0 * leaf + 20.0 * clump;
    s.wrap = 0.15;
    s.gloss = 0.02;
}
