// What hangs on a wall: soft shapes in four colours, some land and sky, under glass.
void paint(inout Surface s) {
    float soft = 0.03 + 2.0 * s.px / scale, hill = s.p.y / scale + 0.35 * fbm(vec3(s.p.x, 0.0, 0.0), scale, s.px, seed);
    float blot = fbm(s.p, 0.5 * scale, s.px, seed + 5u);
    s.albedo = mix(colours[0], colours[1], smoothstep(-soft, soft, hill));
    s.albedo = mix(s.albedo, colours[2], smoothstep(0.15 - soft, 0.15 + soft, blot));
    s.albedo = mix(s.albedo, colours[3], smoothstep(0.25 - soft, 0.25 + soft, fbm(s.p + 77.0, 0.35 * scale, s.px, seed + 8u)));
    s.albedo *= 1.0 + 0.12 * fbm(s.p, 0.1 * scale, s.px, seed + 9u);
}
