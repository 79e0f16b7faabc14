#!/usr/bin/env bash
# Builds the virtual machine in which real verbs are tested: Debian's kernel with Soft-RoCE, and an
# initramfs with busybox, iproute2 and libibverbs. Prints the directory that holds `vmlinuz` and
# `base.cpio`; a second call finds them in the cache.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${SEALANE_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sealane/vm}

# Loaded in this order, each after what it depends on. Without crc32_generic, `rdma link add` fails.
modules=(crc32_generic rdma_rxe ib_uverbs veth sch_netem virtio_pci virtio_net)
programs=(/bin/busybox "$(command -v ip)" "$(command -v rdma)" "$(command -v tc)" /usr/bin/ibv_ud_pingpong)
provider=$(echo /usr/lib/*/libibverbs/librxe-rdmav*.so)

find_kernel() { apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-/ {print $2; exit}'; }
kernel=$(find_kernel) || true
if [ -z "$kernel" ]; then
    # A machine whose package lists were never fetched, or another distribution.
    apt-get update -q >&2
    kernel=$(find_kernel) || true
    [ -n "$kernel" ] || { echo "this distribution has no linux-image-amd64" >&2; exit 1; }
fi
version=$(apt-cache policy "$kernel" | awk '/Candidate:/ {print $2}')
inputs=$(cat "$0" "$here/guest/init" "${programs[@]}" "$provider" | sha256sum | cut -c1-16)
image=$cache/$kernel-$version-$inputs

if [ ! -e "$image/base.cpio" ]; then
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/build.XXXXXX")
    trap 'rm -rf "$work"' EXIT

    # The kernel's package is unpacked, not installed.
    (cd "$work" && apt-get download -q "$kernel" >&2)
    dpkg -x "$work/$kernel"_*.deb "$work/kernel"
    release=${kernel#linux-image-}
    tree=$work/kernel
    [ -d "$tree/lib/modules" ] || tree=$work/kernel/usr
    depmod -b "$tree" "$release"

    root=$work/root
    mkdir -p "$root"/{bin,dev,proc,sys,tmp,etc/libibverbs.d,lib/modules,job}
    install -m 755 "$here/guest/init" "$root/init"
    cp /etc/libibverbs.d/rxe.driver "$root/etc/libibverbs.d/"
    number=100
    for module in "${modules[@]}"; do
        modprobe -d "$tree" -S "$release" --show-depends "$module" | awk '$1 == "insmod" {print $2}' |
            while read -r file; do
                name=$(basename "$file")
                if ! compgen -G "$root/lib/modules/*-${name%%.ko*}.ko" >/dev/null; then
                    target=$root/lib/modules/$number-${name%%.ko*}.ko
                    case $file in
                        *.xz) xz -dc "$file" >"$target" ;;
                        *.zst) zstd -qdc "$file" >"$target" ;;
                        *) cp "$file" "$target" ;;
                    esac
                fi
                number=$((number + 1))
            done
        number=$((number + 20))
    done

    for program in "${programs[@]}"; do
        cp "$program" "$root/bin/"
    done
    "$here/libraries.sh" "$root" "${programs[@]}" "$provider"
    install -D "$provider" "$root$provider"

    (cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) >"$work/base.cpio"
    mkdir -p "$work/image"
    mv "$work/base.cpio" "$work/image/"
    cp "$work"/kernel/boot/vmlinuz-* "$work/image/vmlinuz"
    # Others are of former kernels or scripts.
    find "$cache" -mindepth 1 -maxdepth 1 -name 'linux-image-*' -exec rm -rf {} +
    mv "$work/image" "$image"
fi
echo "$image"
