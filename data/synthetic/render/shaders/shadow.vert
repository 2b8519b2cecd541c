uniform mat4 lamp_clip;
in vec3 in_position;

void main() { gl_Position = lamp_clip * vec4(in_position, 1.0); }
