if [ -r /run/hushlog/environment.sh ]; then
    . /run/hushlog/environment.sh
fi
