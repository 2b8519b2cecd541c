// A row of spines in the plane x, y; `scale` is about a spine's width.
void paint(inout Surface s) {
    float at = s.p.x / scale + 0.35 * noise(vec3(s.p.x / (2.3 * scale), 0.0, 7.0), seed);
    int book = int(floor(at));
    float tone = hash(ivec3(book, 0, 1), seed), pick = hash(ivec3(book, 1, 1), seed);
    vec3 one = pick < 0.25 ? colours[0] : pick < 0.5 ? colours[1] : pick < 0.75 ? colours[2] : colours[3];
    one = mix(0.25 * (colours[0] + colours[1] + colours[2] + colours[3]), one, fade(1.5 * scale, s.px));
    tone = mix(0.5, tone, fade(1.5 * scale, s.px));
    s.albedo = one * (0.6 + 0.7 * tone) * (1.0 - 0.8 * pulses(at, 0.08, s.px / scale));
    s.albedo = mix(s.albedo, vec3(0.6), 0.5 * fade(2.0 * scale, s.px) * step(0.55, pick) * smoothstep(0.1, 0.05, abs(s.p.y / (8.0 * scale) - 0.2 * tone)));
}
