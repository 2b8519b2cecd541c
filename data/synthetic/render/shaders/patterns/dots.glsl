void paint(inout Surface s) {
    vec2 at = vec2(around(s.p), s.p.z) / scale;
    at.x += 0.5 * floor(mod(floor(at.y), 2.0));
    float soft = max(1.5 * s.px / scale, 0.01), far = length(fract(at) - 0.5);
    float dot_ = mix(0.2, 1.0 - smoothstep(0.25 - soft, 0.25 + soft, far), fade(scale, s.px));
    s.albedo = mix(colours[0], colours[1], dot_) * (1.0 + 0.05 * fbm(s.p, 50.0, s.px, seed));
    s.height = 2.0 * fbm(s.p, 45.0, s.px, seed + 4u);
    s.gloss = 0.03;
}
