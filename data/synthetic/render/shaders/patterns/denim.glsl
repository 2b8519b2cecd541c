void paint(inout Surface s) {
    float thread = 2.2, twill = (around(s.p) + s.p.z) / thread;
    float line = sin(6.28318 * twill) * fade(thread, s.px);
    float worn = smoothstep(-0.2, 0.9, fbm(s.p, 160.0, s.px, seed) + 0.25 * fbm(s.p, 30.0, s.px, seed + 3u));
    float slub = fine(vec3(s.p.xy / 1.5, s.p.z / 25.0), 1.0, s.px, seed + 6u);
    s.albedo = mix(colours[0], colours[1], clamp(0.10 + 0.35 * worn + 0.10 * line + 0.10 * slub, 0.0, 1.0));
    s.height = 0.3 * line + 2.0 * fbm(s.p, 40.0, s.px, seed + 4u);
    s.gloss = 0.03;
}
