# Work, disk and sleep, over and over, until the guest has been up for $scale seconds; every sum
# must be what it was the first time. Runs as /guest/soak of the test guests' initial file system.
gbench gen 200 > /tmp/d
n=0
while read up x < /proc/uptime; [ ${up%.*} -lt $scale ]; do
    n=$((n + 1))
    for b in dhry sieve mat-x87 mat-sse2 getpid clock fork pagefault pingpong smc; do
        s=$(gbench $b 1 | sed -n "s,^RESULT [^ ]* \([0-9a-f]*\).*,\1,p")
        k=w_$(echo $b | tr -d -)
        eval "w=\$$k"
        [ -n "$w" ] || { eval "$k=$s"; w=$s; }
        [ "$w" = "$s" ] || echo "SOAK-WRONG $b $s, was $w"
    done
    dd if=/tmp/d of=/dev/sda bs=4k seek=$((n % 900)) conv=fsync 2>/dev/null
    echo 3 > /proc/sys/vm/drop_caches
    s=$(dd if=/dev/sda bs=4k skip=$((n % 900)) count=50 2>/dev/null | sha256sum | cut -c1-16)
    [ -n "$disk" ] || disk=$s
    [ "$disk" = "$s" ] || echo "SOAK-WRONG disk $s, was $disk"
    sleep 60
done
echo "SOAK-END $n"
