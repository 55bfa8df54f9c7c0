#!/bin/sh
# Tells whoever looks after the hub that one of its units has failed: the unit's name, its state and its last lines, to
# a command's standard input, or as a mail. Run by jupyterhub-notify-failed@.service, as an account of no rights.
#
# usage: jupyterhub-notify UNIT command PROGRAM
#        jupyterhub-notify UNIT mail ADDRESS
#
# UNIT is one unit, or the name of a kind that there is one of for every connection (jupyterhub-pam).
set -eu
unit=$1 way=$2 to=$3

# What fails again and again, every three seconds say, is told of once in ten minutes.
told=$RUNTIME_DIRECTORY/$unit.$way
if [ -n "$(find "$told" -mmin -10 2>/dev/null)" ]; then
    echo "$unit has failed again within ten minutes; not told of once more"
    exit 0
fi
touch "$told"

case $unit in
    *.*) units=$unit ;;
    *) units="$unit@*.service" ;;
esac

report() {
    echo "$unit has failed on $(uname -n)."
    echo
    systemctl show --property=Id,ActiveState,SubState,Result -- "$units" || true
    echo
    echo "Its last lines (more: journalctl --unit='$units'):"
    journalctl --unit="$units" --lines=20 --no-pager --quiet --output=short-iso || true
}

if [ "$way" = mail ]; then
    # The address is the config's; "-i": a line with nothing but a dot is not the end.
    { printf 'To: %s\nSubject: %s has failed on %s\n\n' "$to" "$unit" "$(uname -n)"; report; } |
        /usr/sbin/sendmail -i -- "$to"
else
    report | "$to"
fi
