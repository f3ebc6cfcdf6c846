; Power-on self-test: from reset to INT 19h.

RAN             equ 'POST'      ; in has_run: this firmware has been started

; Reset comes here, in real mode, in the ROM or in its shadow.
post:
        cli
        cld
        mov al, 0x8f            ; a program that left protected mode through reset goes on
        out 0x70, al
        in al, 0x71
        mov bl, al
        mov al, 0x8f
        out 0x70, al
        mov al, 0
        out 0x71, al
        cmp bl, 0x05
        je .resume_eoi
        cmp bl, 0x0a
        jne .start
.resume:
        xor ax, ax
        mov ds, ax
        jmp far [0x467]
.resume_eoi:
        mov al, 0x20
        out 0xa0, al
        out 0x20, al
        jmp short .resume
; Shadow RAM outlives a reset of this machine. So a second start may be a mere jump to this place:
; only a reset asked for by ourselves leaves the chips in a known state.
.start: mov ax, BIOS_SEGMENT
        mov ds, ax
        cmp dword [has_run], RAN
        jne shadow

; Resets the machine; the next start is a first one.
restart:
        mov ax, BIOS_SEGMENT
        mov ds, ax
        mov dword [has_run], 0
        mov dx, 0xcf9           ; PIIX3: a hard reset, at the edge of bit 2
        mov al, 0x02
        out dx, al
        mov al, 0x06
        out dx, al
.wait:  hlt
        jmp short .wait

post_shadowed:
        xor ax, ax
        mov ss, ax
        mov sp, 0x7000
        mov ds, ax
        mov es, ax
        in al, 0x92             ; A20 on
        or al, 2
        and al, 0xfe
        out 0x92, al
        xor di, di              ; vectors, BIOS data area
        mov cx, 0x600 / 2
        xor ax, ax
        rep stosw
        push cs
        pop es
        xor di, di
        mov cx, vars_end
        rep stosb
        mov dword [cs:has_run], RAN
        mov byte [cs:mirror_want], 7
        mov byte [cs:mirror_attr], 7
        call vectors_init
        mov ax, BDA_SEGMENT
        mov ds, ax
        call chips_init
        call data_init
        call serial_init
        CALL32 post_flat
        call vga_detect
        mov al, [cs:no_graphic]
        mov [cs:mirror], al
        cmp byte [cs:has_vga], 0
        jne .mirror
        mov byte [cs:mirror], 1
.mirror:
        cmp word [BDA_COM], 0x3f8
        je .video
        mov byte [cs:mirror], 0
.video: mov ax, 0x0003
        int 0x10
        PRINT 'tinamou BIOS', 13, 10
        call keyboard_init
        call time_init
        sti
        call post_memory
        call disk_init
        call diskette_init
        call usb_init
        CALL32 roms_load
        call roms_start
        CALL32 post_flat_tables
        call post_disks
        call disk_tables
        call boot_menu
        int 0x19

; The part of POST that needs all of memory.
        bits 32
post_flat:
        call cpu_init
        call fwcfg_init
        call memory_size
        call pci_init
        ret
post_flat_tables:
        call acpi_load
        call smbios_load
        call memory_map_build
        call menu_load
        jmp boot_plan_make
        bits 16

; Every vector to something, the services to theirs.
vectors_init:
        xor di, di
        mov es, di
        mov cx, 0x78
.all:   mov ax, ignore_interrupt
        stosw
        mov ax, cs
        stosw
        loop .all
        mov di, 0x08 * 4
        mov cx, 8
        call .irqs
        mov di, 0x70 * 4
        mov cx, 8
        call .irqs
        mov si, .table
.next:  mov al, [cs:si]
        movzx di, al
        shl di, 2
        mov ax, [cs:si + 1]
        stosw
        mov ax, cs
        stosw
        add si, 3
        cmp si, .end
        jb .next
        xor eax, eax            ; 60h-67h are the user's
        mov di, 0x60 * 4
        mov cx, 8
        rep stosd
        ret
.irqs:  mov ax, ignore_irq
        stosw
        mov ax, cs
        stosw
        loop .irqs
        ret
%macro VECTOR 2
        db %1
        dw %2
%endmacro
.table: VECTOR 0x08, entry_int08
        VECTOR 0x09, entry_int09
        VECTOR 0x0e, entry_int0e
        VECTOR 0x10, entry_int10
        VECTOR 0x11, entry_int11
        VECTOR 0x12, entry_int12
        VECTOR 0x13, entry_int13
        VECTOR 0x14, entry_int14
        VECTOR 0x15, entry_int15
        VECTOR 0x16, entry_int16
        VECTOR 0x17, entry_int17
        VECTOR 0x18, int18
        VECTOR 0x19, entry_int19
        VECTOR 0x1a, entry_int1a
        VECTOR 0x1c, int1c
        VECTOR 0x1e, diskette_table
        VECTOR 0x1f, font8x8 + 128 * 8
        VECTOR 0x40, entry_int13_diskette
        VECTOR 0x43, font8x16
        VECTOR 0x70, int70
.end:

ignore_interrupt:
        iret

; An interrupt request that nobody serves: acknowledge it if it is real.
ignore_irq:
        push ax
        mov al, 0x0b
        out 0xa0, al
        in al, 0xa0
        test al, al
        jz .master
        mov al, 0x20
        out 0xa0, al
.master:
        mov al, 0x0b
        out 0x20, al
        in al, 0x20
        test al, al
        jz .spurious
        mov al, 0x20
        out 0x20, al
.spurious:
        pop ax
        iret

; DMA, interrupt controllers, timer.
chips_init:
        xor al, al
        out 0x0d, al            ; DMA: clear both, cascade channel 4
        out 0xda, al
        mov al, 0xc0
        out 0xd6, al
        mov al, 0
        out 0xd4, al
        mov al, 0x11            ; PIC: edge, cascade, ICW4; vectors 08h and 70h
        out 0x20, al
        out 0xa0, al
        mov al, 0x08
        out 0x21, al
        mov al, 0x70
        out 0xa1, al
        mov al, 0x04
        out 0x21, al
        mov al, 0x02
        out 0xa1, al
        mov al, 0x01
        out 0x21, al
        out 0xa1, al
        mov al, 0xf8            ; timer, keyboard, cascade
        out 0x21, al
        mov al, 0xff
        out 0xa1, al
        mov al, 0x34            ; PIT channel 0: 18.2 Hz, mode 2
        out 0x43, al
        xor al, al
        out 0x40, al
        out 0x40, al
        mov al, 0x54            ; channel 1: memory refresh
        out 0x43, al
        mov al, 18
        out 0x41, al
        mov al, 0xb6            ; channel 2: the speaker, silent
        out 0x43, al
        xor al, al
        out 0x42, al
        out 0x42, al
        mov ax, 0x260a          ; RTC: 32768 Hz, 1024 Hz rate; 24 hours, BCD, no interrupts
        xchg al, ah
        call cmos_write
        mov ax, 0x0b02
        call cmos_write
        mov al, 0x0c
        call cmos_read
        ret

; The BIOS data area and the extended one at 9FC00.
data_init:
        mov word [BDA_MEMORY], 639
        mov word [BDA_EBDA], EBDA_SEGMENT
        mov al, 0x14
        call cmos_read
        mov ah, 0
        or al, 0x02             ; a coprocessor
        mov [BDA_EQUIPMENT], ax
        mov ax, EBDA_SEGMENT
        mov es, ax
        xor di, di
        xor ax, ax
        mov cx, 512
        rep stosw
        mov byte [es:0], 1      ; KiB
        ret

; A VGA remembers what is written to its registers.
vga_detect:
        mov dx, 0x3ce
        mov ax, 0x5508
        out dx, ax
        inc dx
        in al, dx
        cmp al, 0x55
        jne .none
        dec dx
        mov ax, 0xaa08
        out dx, ax
        inc dx
        in al, dx
        cmp al, 0xaa
        jne .none
        dec dx
        mov ax, 0xff08
        out dx, ax
        mov byte [cs:has_vga], 1
.none:  ret

post_memory:
        PRINT 'Memory: '
        mov eax, [cs:ram_low]
        shr eax, 20
        mov edx, [cs:ram_high]
        shr edx, 4
        add eax, edx
        call print_number
        PRINT ' MiB', 13, 10
        ret

; One line for each disk.
post_disks:
        mov bx, disks
        mov dl, 0x80
        mov ch, [cs:disk_count]
.disk:  test ch, ch
        jz .done
        PRINT 'Disk '
        mov al, dl
        call print_byte
        PRINT 'h: '
        call print_model
        PRINT ', '
        mov eax, [cs:bx + D_SECTORS]
        mov esi, [cs:bx + D_SECTORS + 4]
        shrd eax, esi, 11
        jz .small
        call print_number
        PRINT ' MiB', 13, 10
        jmp short .next
.small: mov eax, [cs:bx + D_SECTORS]
        shr eax, 1
        call print_number
        PRINT ' KiB', 13, 10
.next:  add bx, D_SIZE
        inc dl
        dec ch
        jmp .disk
.done:  cmp byte [cs:cdrom_count], 0
        je .end
        PRINT 'CD-ROM: '
        mov bx, cdroms
        call print_model
        PRINT 13, 10
.end:   ret

; The name of drive CS:BX without the blanks at its end. Changes AX, CL, SI, DI.
print_model:
        lea si, [bx + D_MODEL]
        mov cl, 40
        mov di, si              ; DI = after the last character that is no blank
.next:  cmp byte [cs:si], ' '
        jbe .blank
        lea di, [si + 1]
.blank: inc si
        dec cl
        jnz .next
        lea si, [bx + D_MODEL]
.name:  cmp si, di
        jae .done
        mov al, [cs:si]
        inc si
        call print_char
        jmp short .name
.done:  ret
