void paint(inout Surface s) {
    float blotch = fbm(s.p, 90.0, s.px, seed), small = fbm(s.p, 14.0, s.px, seed + 5u);
    s.albedo *= 1.0 + vec3(0.05, 0.07, 0.08) * -blotch + vec3(0.03, 0.04, 0.04) * small;
    s.albedo *= mix(vec3(1.0), vec3(1.06, 0.93, 0.90), clamp(0.5 + blotch, 0.0, 1.0));
    float mole = smoothstep(0.9, 0.96, noise(s.p / 17.0, seed + 31u)) * fade(8.0, s.px);
    s.albedo *= 1.0 - 0.35 * mole;
    s.height = 0.16 * fine(s.p, 2.2, s.px, seed + 7u) + 0.2 * fine(s.p, 9.0, s.px, seed + 8u);
    s.rough = clamp(roughness + 0.08 * blotch, 0.2, 1.0);
    s.gloss = 0.028;
    s.wrap = 0.28;
}
