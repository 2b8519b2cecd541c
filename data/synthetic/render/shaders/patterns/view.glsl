// What a window shows, out of focus: sky over something dark, brighter than the room by 10 * `bump`.
void paint(inout Surface s) {
    float line = s.p.y / scale - 0.2 + 0.5 * fbm(vec3(s.p.x, 0.0, 0.0), 0.8 * scale, s.px, seed);
    vec3 below = mix(colours[1], colours[2], clamp(0.5 + fbm(s.p, 0.5 * scale, s.px, seed + 4u), 0.0, 1.0));
    s.albedo = mix(below, colours[0] * (1.0 + 0.15 * fbm(s.p, scale, s.px, seed + 7u)), smoothstep(-0.15, 0.15, line));
    s.albedo *= 1.0 + 10.0 * bump;
    s.unlit = true;
}
