// A plain weave: threads of a millimetre or two, a little uneven.
void paint(inout Surface s) {
    float thread = clamp(0.02 * scale, 0.8, 4.0), a = around(s.p) / thread, b = s.p.z / thread;
    float weave = sin(3.14159 * a) * sin(3.14159 * b) * fade(2.0 * thread, s.px);
    s.albedo *= 1.0 + 0.12 * weave + 0.06 * fbm(s.p, 60.0, s.px, seed) + 0.05 * fine(s.p, 5.0, s.px, seed + 3u);
    s.height = 0.35 * thread * weave + 2.2 * fbm(s.p, 45.0, s.px, seed + 4u);
    s.gloss = 0.03;
}
