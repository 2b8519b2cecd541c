void paint(inout Surface s) {
    float cloud = fbm(s.p, 700.0, s.px, seed), fleck = fbm(s.p, 40.0, s.px, seed + 4u);
    float pore = smoothstep(0.7, 0.9, fine(s.p, 11.0, s.px, seed + 8u));
    s.albedo = mix(colours[0], colours[1], clamp(0.5 + 0.6 * cloud, 0.0, 1.0)) * (1.0 + 0.10 * fleck - 0.2 * pore);
    s.height = 0.5 * fleck - 0.8 * pore;
    s.rough = clamp(roughness - 0.15 * cloud, 0.1, 1.0);
}
