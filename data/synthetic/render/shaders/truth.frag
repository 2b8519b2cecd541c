// Per pixel centre, without antialiasing: camera z, index of the mesh, and normal.
uniform int owner;
uniform vec4 camera_z;
in vec3 position;
in vec3 normal;
in vec3 texture_mm;
in vec3 tint;
layout(location = 0) out float out_z;
layout(location = 1) out int out_owner;
layout(location = 2) out vec4 out_normal;

void main() {
    vec3 n = normalize(normal + vec3(0.0, 0.0, 1e-9)) * (gl_FrontFacing ? 1.0 : -1.0);
    out_z = dot(camera_z, vec4(position, 1.0));
    out_owner = owner;
    out_normal = vec4(n * 0.5 + 0.5, 1.0);
}
