; What a user may do about the boot order: a menu before it, a restart behind it. fw_cfg says
; whether: item BOOT_MENU, files etc/boot-menu-wait (word) and etc/boot-fail-wait (double word), both
; in milliseconds.

FWCFG_BOOT_MENU equ 0x0e
MENU_WAIT       equ 2500        ; without the file
NO_RESTART      equ 0xffffffff
ROM_PLAN        equ 0x10        ; in the boot plan: ROM 0
MS_PER_TICK     equ 55
KEY_ESC         equ 0x01
KEY_F12         equ 0x86
        bits 32

; Reads what fw_cfg says: menu_wait (0: no menu) and fail_wait.
menu_load:
        mov dword [BIOS_BASE + menu_wait], 0
        mov dword [BIOS_BASE + fail_wait], NO_RESTART
        cmp byte [BIOS_BASE + has_fwcfg], 0
        je .done
        mov edi, BIOS_BASE + fail_wait
        mov esi, .fail + BIOS_BASE
        call .number
        mov ax, FWCFG_BOOT_MENU
        call fwcfg_select
        mov edi, BIOS_BASE + scratch
        mov ecx, 2
        call fwcfg_read
        cmp word [BIOS_BASE + scratch], 0
        je .done
        mov edi, BIOS_BASE + menu_wait
        mov dword [edi], MENU_WAIT
        mov esi, .menu + BIOS_BASE
; The file ESI, of at most four bytes, to EDI.
.number:
        call fwcfg_open
        jc .done
        cmp ecx, 4
        ja .done
        call fwcfg_read
.done:  ret
.menu:  db 'etc/boot-menu-wait', 0
.fail:  db 'etc/boot-fail-wait', 0
        bits 16

; Waits EAX milliseconds; CF and AX = the key if one is pressed. Changes ECX, EDX.
wait_key:
        push ds
        push BDA_SEGMENT
        pop ds
        xor edx, edx
        mov ecx, MS_PER_TICK
        div ecx
        inc eax
        mov ecx, eax
        add ecx, [BDA_TICKS]
.look:  mov ah, 0x11
        int 0x16
        jnz .key
        cmp [BDA_TICKS], ecx    ; midnight sets the clock back, and ends no wait
        jae .over
        hlt
        jmp short .look
.key:   mov ah, 0x10
        int 0x16
        stc
        pop ds
        ret
.over:  clc
        pop ds
        ret

; Shows the boot plan and puts the chosen device first.
boot_menu:
        mov eax, [cs:menu_wait]
        test eax, eax
        jz .done
        PRINT 13, 10, 'Press Esc or F12 for the boot menu', 13, 10
        call wait_key
        jnc .done
        cmp ah, KEY_F12
        je .show
        cmp ah, KEY_ESC
        jne .done
.show:  PRINT 13, 10, 'Start from', 13, 10
        mov bp, boot_plan
.entry: mov dl, [cs:bp]
        cmp dl, 0
        je .ask
        lea ax, [bp - boot_plan + '1']
        cmp al, '9'
        ja .ask
        call print_char
        PRINT '. '
        call print_device
        PRINT 13, 10
        inc bp
        jmp short .entry
.ask:   mov ah, 0x10
        int 0x16
        cmp ah, KEY_ESC         ; as it was
        je .done
        sub al, '1'
        jb .ask
        movzx bx, al
        lea ax, [bx + boot_plan]
        cmp ax, bp
        jae .ask
        mov al, [cs:bx + boot_plan]
.move:  test bx, bx             ; those before it move one down
        jz .first
        mov ah, [cs:bx + boot_plan - 1]
        mov [cs:bx + boot_plan], ah
        dec bx
        jmp short .move
.first: mov [cs:boot_plan], al
.done:  ret

; The name of device DL of the boot plan.
print_device:
        cmp dl, PLAN_DISKETTE
        je .diskette
        cmp dl, 0x80
        jb .rom
        mov bx, cdroms
        cmp dl, CD_DRIVE
        je .cdrom
        PRINT 'Disk '
        mov al, dl
        call print_byte
        PRINT 'h: '
        movzx bx, dl
        and bl, 0x7f
        imul bx, bx, D_SIZE
        add bx, disks
        jmp print_model
.cdrom: PRINT 'CD-ROM: '
        jmp print_model
.diskette:
        PRINT 'Diskette'
        ret
.rom:   movzx si, dl
        sub si, ROM_PLAN
        imul si, si, ROM_SIZE
        add si, roms + ROM_NAME
        jmp print

; Nothing starts: waits, and perhaps tries again from reset.
boot_failed:
        PRINT 'No bootable device', 13, 10
        mov eax, [cs:fail_wait]
        cmp eax, NO_RESTART
        je .sleep
        PRINT 'Restarting in '
        push eax
        xor edx, edx
        mov ecx, 1000
        div ecx
        call print_number
        pop eax
        PRINT ' s', 13, 10
        call wait_key
        jmp restart
.sleep: hlt
        jmp short .sleep
