#!/bin/sh
# two_hosts.sh CUT COMMAND...: runs `minigrad launch -n 2 COMMAND` on two pretended hosts, which have a network, IPC, /dev/shm and a
# hostname of their own each, joined by a pair of virtual Ethernet devices. CUT is the file that the program makes when the link is to be
# cut, or never. Needs root, iproute2 and util-linux. PYTHON names the interpreter.
a=mgA$$ b=mgB$$ cut=$1
shift
work=$(mktemp -d)
trap 'ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null; rm -rf "$work"' EXIT
ip netns add $a && ip netns add $b && ip link add va$$ netns $a type veth peer name vb$$ netns $b || exit 77
ip -n $a addr add 10.77.0.2/24 dev va$$ && ip -n $b addr add 10.77.0.3/24 dev vb$$
for end in "$a va$$" "$b vb$$"; do
    host=${end% *} device=${end#* }
    ip -n "$host" link set lo up && ip -n "$host" link set "$device" up
done
sleep 1 # until the link is ready
cat > "$work/ssh" <<S
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do shift; done
host=\$1; shift
[ "\$host" = 10.77.0.3 ] || { echo "no host \$host" >&2; exit 255; }
exec ip netns exec $b unshare --uts --ipc --mount sh -c "hostname host-b; mount -t tmpfs tmpfs /dev/shm; exec sh -c '\$*'"
S
chmod +x "$work/ssh"
if [ "$cut" != never ]; then (until [ -e "$cut" ] || [ ! -e "$work" ]; do sleep 0.1; done && ip -n $a link set va$$ down) & fi
timeout -k 5 90 ip netns exec $a unshare --uts --ipc --mount sh -c 'hostname host-a; mount -t tmpfs tmpfs /dev/shm; exec "$@"' sh \
    "$PYTHON" -m minigrad launch -n 2 --hosts 10.77.0.2,10.77.0.3 --timeout 4 \
    --mpiexec "-localhost 10.77.0.2 -launcher ssh -launcher-exec $work/ssh" "$@"
code=$?
exit $code
