{%- if side -%}
@builtin(workgroup_id) tile: vec3<u32>, @builtin(local_invocation_index) thread: u32, @builtin(subgroup_id) subgroup: u32, @builtin(num_subgroups) subgroups: u32
{%- else -%}
@builtin(global_invocation_id) id: vec3<u32>
{%- endif -%}
