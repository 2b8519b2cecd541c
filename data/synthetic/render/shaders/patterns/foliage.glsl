// Leaves in clumps, ragged at the rim.
void paint(inout Surface s) {
    float leaf = fine(s.p, 45.0, s.px, seed) + 0.6 * fine(s.p, 90.0, s.px, seed + 1u), clump = fbm(s.p, 330.0, s.px, seed + 3u);
    float rim = abs(dot(normalize(normal), normalize(eye - position)));
    float gap = 0.55 * noise(s.p / 110.0, seed + 5u) + 0.45 * noise(s.p / 50.0, seed + 6u) - 2.4 * rim + 0.35;
    if (gap * fade(80.0, s.px) > 0.0) discard;
    s.albedo = mix(colours[0], colours[1], clamp(0.5 + 0.35 * leaf + 0.6 * clump, 0.0, 1.0)) * (1.0 + 0.35 * leaf + 0.45 * clump);
    s.height = 14.0 * leaf + 60.0 * clump;
    s.wrap = 0.3;
    s.gloss = 0.015;
}
