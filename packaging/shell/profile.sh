# Put here by `hushlog boot --install`, which `hushlog boot --uninstall` undoes.
# Login shells get the variables if their user may read them: see `hushlog boot --group`.
if [ -r /run/hushlog/environment.sh ]; then
    . /run/hushlog/environment.sh
fi
