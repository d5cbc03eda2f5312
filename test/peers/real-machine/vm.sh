#!/bin/sh
# The machine behind the BMC: ipmi_sim runs this at power on, and the machine is on while it lives.
# QEMU emulates the processor (TCG): stock kernels do not come up under every host's KVM.
#
# usage: vm.sh DIR     DIR/vm.env holds its settings, read anew at each power on
set -eu

. "$1/vm.env"
echo $$ >"$1/vm.pid"
export HOST_ADDRESS

# A real machine does not share its processor with the tests, so it goes first where that is allowed.
exec nice -n -10 setpriv --pdeathsig KILL -- qemu-system-x86_64 \
	-M pc -accel tcg -m 512 -display none -nodefaults \
	-chardev "file,id=console,path=$1/console,append=on" -serial chardev:console \
	-chardev "socket,id=bmc,host=127.0.0.1,port=$VM_PORT,reconnect=1" \
	-device ipmi-bmc-extern,id=bmc0,chardev=bmc -device isa-ipmi-kcs,bmc=bmc0,irq=5 \
	-netdev "$NETDEV" -device virtio-net-pci,netdev=net \
	-kernel "$BUILT/kernel" -initrd "$BUILT/initrd" \
	-append "console=ttyS0 panic=5 crashkernel=128M nokaslr $SETTINGS" \
	>>"$1/qemu.log" 2>&1
