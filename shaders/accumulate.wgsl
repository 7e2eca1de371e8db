{#- The 3x3 convolution of one thread: `pixels` neighbouring pixels, one group of `words` output words.
    Wants `origin`, the index of the window's top left word in plane 0, and `group`; leaves acc_WORD_PIXEL.
    The loop over input words stays a loop, its body is straight text: compilers then keep every value in a register. -#}
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    var acc_{{ word }}_{{ pixel }} = layer.channels[group * GROUP_WORDS + {{ word }}u].bias;
{%- endfor %}{% endfor %}
    for (var word = 0u; word < IN_WORDS; word++) {
        let row_0 = origin + word * window.plane;
        let row_1 = row_0 + window.stride;
        let row_2 = row_1 + window.stride;
{%- for row in range(3) %}{% for column in range(pixels + 2) %}
        let code_{{ row }}_{{ column }} = load(row_{{ row }} + {{ column }}u);
{%- endfor %}{% endfor %}
        let weights = (group * IN_WORDS + word) * (TAPS * GROUP_WORDS);
{%- for tap in range(9) %}{% for word in range(words) %}
        let weight_{{ tap }}_{{ word }} = layer.weights[weights + {{ tap * words + word }}u];
{%- for pixel in range(pixels) %}
        acc_{{ word }}_{{ pixel }} += dot4(code_{{ tap // 3 }}_{{ tap % 3 + pixel }}, weight_{{ tap }}_{{ word }});
{%- endfor %}{% endfor %}{% endfor %}
    }
