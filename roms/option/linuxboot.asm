; Option ROM that starts a Linux kernel which the machine got on its command line (-kernel).
; The setup part, the command line, the kernel and the initial RAM disk come from the firmware
; configuration device with their addresses. Spec: Linux x86 boot protocol, "Running the kernel".
        cpu 386
        bits 16
        org 0
ROM_SIZE        equ 1024
%define ROM_NAME 'Linux loader'
%include "fwcfg.inc"

boot:
        cli
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        call open_memory
        mov si, .setup
        call fw_load
        mov ebx, eax
        mov si, .cmdline
        call fw_load
        mov ebp, eax
        mov si, .kernel
        call fw_load
        mov si, .initrd
        call fw_load
        sub ebp, ebx            ; the stack and heap end below the command line
        sub ebp, 16
        shr ebx, 4
        mov ax, bx
        mov ds, ax
        mov es, ax
        mov fs, ax
        mov gs, ax
        mov ss, ax
        mov esp, ebp
        add ax, 0x20
        push ax
        push word 0
        xor eax, eax
        xor ebx, ebx
        xor ecx, ecx
        xor edx, edx
        xor esi, esi
        xor edi, edi
        xor ebp, ebp
        retf
.setup: dw FW_SETUP_ADDR, FW_SETUP_SIZE, FW_SETUP_DATA
.cmdline:
        dw FW_CMDLINE_ADDR, FW_CMDLINE_SIZE, FW_CMDLINE_DATA
.kernel:
        dw FW_KERNEL_ADDR, FW_KERNEL_SIZE, FW_KERNEL_DATA
.initrd:
        dw FW_INITRD_ADDR, FW_INITRD_SIZE, FW_INITRD_DATA

        ROM_END
