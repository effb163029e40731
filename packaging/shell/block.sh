if [ -r /run/hushlog/environment.sh ]; then
    # A tracing shell, such as `zsh -x` and `sh -lx`, would print each value, and traces of scripts
    # end up in logs.
    hushlog_set=$-
    set +xv
    . /run/hushlog/environment.sh
    case $hushlog_set in *x*v* | *v*x*) set -xv ;; *x*) set -x ;; *v*) set -v ;; esac
    unset hushlog_set
fi
