# Put here by `hushlog boot --install`, which `hushlog boot --uninstall` undoes.
# Shells get the variables if their user may read them: see `hushlog boot --group`.
if test -r /run/hushlog/environment.fish
    source /run/hushlog/environment.fish
end
