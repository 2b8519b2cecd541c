// One piece of wood with the grain along x.
void paint(inout Surface s) {
    vec3 q = vec3(s.p.x * 0.05, s.p.y, s.p.z);
    float ring = fine(q, 45.0, s.px, seed), grain = fine(q, 5.0, s.px, seed + 2u) + 0.6 * fine(q, 2.0, s.px, seed + 4u);
    s.albedo = mix(colours[0], colours[1], clamp(0.45 + 0.5 * sin(7.0 * ring) * fade(8.0, s.px) + 0.3 * grain, 0.0, 1.0));
    s.height = 0.15 * grain;
}
