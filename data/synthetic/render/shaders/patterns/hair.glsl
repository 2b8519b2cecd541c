void paint(inout Surface s) {
    vec3 along = vec3(s.p.xy, 0.06 * s.p.z);
    float strand = fine(along, 2.0, s.px, seed), lock = fbm(vec3(s.p.xy, 0.15 * s.p.z), 16.0, s.px, seed + 3u);
    s.albedo = mix(colours[0], colours[1], clamp(0.4 + 0.5 * lock + 0.3 * strand, 0.0, 1.0)) * (1.0 + 0.4 * strand + 0.3 * lock);
    s.height = 0.8 * strand + 3.0 * lock;
    s.gloss = 0.03;
}
