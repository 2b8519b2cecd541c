// Brushed along z.
void paint(inout Surface s) {
    float brushed = fine(vec3(s.p.xy, 0.03 * s.p.z), 2.0, s.px, seed);
    s.rough = clamp(roughness + 0.08 * brushed, 0.08, 1.0);
    s.albedo *= 1.0 + 0.06 * brushed;
    s.metal = 0.9;
}
