# What the two set-ups have in common; they read it, and trap what they must put back.

# What the caller has set must lead neither elsewhere nor to other packages.
unset CDPATH PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONWARNINGS UV_CONSTRAINT UV_OVERRIDE
unset PIP_CONSTRAINT PIP_NO_DEPS PIP_PREFIX PIP_ROOT PIP_TARGET PIP_USER

# Run a command that an interrupt ends, and keep what it says in the file "$log".
run() {
    "$@" >"$log" 2>&1 &
    wait $!
}
stop() {
    trap '' INT TERM HUP
    set +u # $! is unset until a command begins; a copy of it would be made a moment too late
    { kill $! && wait $!; } 2>/dev/null || true
    echo "interrupted: nothing of this set-up was left behind" >&2
    exit 130
}
