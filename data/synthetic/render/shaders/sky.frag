// The sky where no mesh is: soft clouds, brighter and paler towards the horizon.
uniform mat3 pixel2ray;
uniform mat3 cam2world;
uniform vec3 sky;
uniform vec3 ground;
uniform float clouds;
uniform float brightness;
out vec4 colour;

void main() {
    vec3 d = normalize(cam2world * (pixel2ray * vec3(gl_FragCoord.xy - 0.5, 1.0)));
    float up = max(d.z, 0.0);
    vec3 blue = sky * mix(vec3(1.0), vec3(0.32, 0.55, 0.95), smoothstep(0.0, 0.7, up));
    vec3 at = vec3(d.xy / (up + 0.12), 0.0);
    float cover = fbm(at * 1000.0, 700.0, 1.0, 5u) + 0.5 * fbm(at * 1000.0, 200.0, 1.0, 9u);
    float cloud = smoothstep(0.9 - 1.6 * clouds, 1.5 - 1.6 * clouds, cover) * smoothstep(0.02, 0.2, up);
    vec3 above = mix(blue, vec3(dot(sky, vec3(0.33))) * 1.25, 0.85 * cloud);
    colour = vec4(brightness * mix(ground, mix(sky * 1.1, above, smoothstep(0.0, 0.12, up)), smoothstep(-0.02, 0.01, d.z)), 1.0);
}
