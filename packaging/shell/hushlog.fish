# Put here by `hushlog boot --install`, which `hushlog boot --uninstall` undoes.
# Shells get the variables if their user may read them: see `hushlog boot --group`.
if test -r /run/hushlog/environment.fish
    # Traced, it would print each value.
    set -l fish_trace
    source /run/hushlog/environment.fish
end
