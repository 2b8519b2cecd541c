// A vertex into the picture: `clip` holds the camera with pixel centres at integers and the top row first.
uniform mat4 clip;
in vec3 in_position;
in vec3 in_normal;
in vec3 in_texture;
in vec3 in_tint;
out vec3 position;
out vec3 normal;
out vec3 texture_mm;
out vec3 tint;
invariant gl_Position;

void main() {
    position = in_position;
    normal = in_normal;
    texture_mm = in_texture;
    tint = in_tint;
    gl_Position = clip * vec4(in_position, 1.0);
}
