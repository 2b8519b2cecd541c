// Blots of two further colours, as of flowers, leaves or camouflage.
void paint(inout Surface s) {
    float soft = 0.06 + 2.0 * s.px / scale;
    float first = fbm(s.p, scale, s.px, seed), second = fbm(s.p + 300.0, 0.7 * scale, s.px, seed + 11u);
    s.albedo = mix(colours[0], colours[1], smoothstep(0.1 - soft, 0.1 + soft, first));
    s.albedo = mix(s.albedo, colours[2], smoothstep(0.2 - soft, 0.2 + soft, second));
    s.albedo *= 1.0 + 0.06 * fine(s.p, 2.0, s.px, seed + 3u);
    s.height = 2.0 * fbm(s.p, 45.0, s.px, seed + 4u);
    s.gloss = 0.03;
}
