{#- The {{ scale }}x{{ scale }} pixels that pixel (column, y) becomes, from the words block_0, block_1, ..: channel (dy * scale + dx) * 3 + colour is
    the one at row dy, column dx. -#}
    let corner = at(maps.output, 0u, column * {{ scale }}u, y * {{ scale }}u);
{%- if anchor %}
    let anchor = input_b[at(maps.input, 0u, column, y)];
{%- endif %}
{%- for dy in range(scale) %}{% for dx in range(scale) %}{% set k = (dy * scale + dx) * 3 %}
    let pixel_{{ dy }}_{{ dx }} = {% if packed -%}
    {%- if k % 4 < 2 %}(block_{{ k // 4 }} >> {{ k % 4 * 8 }}u) & 0xffffffu
    {%- else %}((block_{{ k // 4 }} >> {{ k % 4 * 8 }}u) | (block_{{ k // 4 + 1 }} << {{ 32 - k % 4 * 8 }}u)) & 0xffffffu{% endif %}
    {%- else %}Word({% for k in range(k, k + 3) %}block_{{ k // 4 }}[{{ k % 4 }}], {% endfor %}0.0)
    {%- endif %};
    output[corner + {{ dy }}u * maps.output.stride + {{ dx }}u] =
        {% if anchor %}plus_anchor(pixel_{{ dy }}_{{ dx }}, anchor){% else %}pixel_{{ dy }}_{{ dx }}{% endif %};
{%- endfor %}{% endfor %}
