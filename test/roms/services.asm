; A boot disk that calls the BIOS's services and says on COM1 what differs from their documents.
; One line per check: its name and `ok`, or `FAIL` with AX. Ends through port F4h.
        cpu 386
        bits 16
        org 0x7c00
SECTORS equ 16
DISK    equ 16 * 63 * 512 * 4   ; four cylinders of 16 heads and 63 sectors

        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        sti
        mov ax, 0x0200 + SECTORS
        mov bx, 0x7e00
        mov cx, 2
        mov dx, 0x80
        int 0x13
        jmp main
        times 510 - ($ - $$) db 0
        dw 0xaa55

; Checks that the condition holds (as in jCC).
%macro CHECK 2
        j%1 %%good
        mov si, %%name
        call bad
        jmp %%next
%%name: db %2, 0
%%good: mov si, %%name
        call good
%%next:
%endmacro

%ifndef KIB
%define KIB 639                 ; an extended BIOS data area of 1 KiB
%endif
main:
        int 0x12
        cmp ax, KIB
        CHECK e, 'int 12h: memory'
        int 0x11
        test al, 2
        CHECK nz, 'int 11h: coprocessor'

        mov ah, 0x08
        mov dl, 0x80
        int 0x13
        CHECK nc, 'int 13h 08h: parameters'
        cmp dx, 0x0f01
        CHECK e, 'int 13h 08h: 16 heads, one disk'
        cmp cx, 0x033f
        CHECK e, 'int 13h 08h: cylinder 3, sector 63'
        mov ah, 0x15
        mov dl, 0x80
        int 0x13
        cmp ah, 3
        CHECK e, 'int 13h 15h: a hard disk'
        mov ax, 0x0201
        mov bx, 0x3000
        mov cx, 1
        mov dx, 0x80
        int 0x13
        CHECK nc, 'int 13h 02h: sector 1'
        mov si, 0x3000
        mov di, 0x7c00
        mov cx, 256
        repe cmpsw
        CHECK e, 'int 13h 02h: is the boot sector'
        mov di, 0x3000
        mov ax, 0x1234
        mov cx, 256
.fill:  stosw
        inc ax
        loop .fill
        mov ah, 0x43
        mov dl, 0x80
        mov si, packet_write
        int 0x13
        CHECK nc, 'int 13h 43h: write block 1009'
        mov ax, 0x0201          ; 1009 = cylinder 1, head 0, sector 2
        mov bx, 0x3400
        mov cx, 0x0102
        mov dx, 0x0080
        int 0x13
        CHECK nc, 'int 13h 02h: cylinder 1, sector 2'
        mov si, 0x3000
        mov di, 0x3400
        mov cx, 256
        repe cmpsw
        CHECK e, 'int 13h 02h: is block 1009'
        mov ax, 0x0301
        mov bx, 0x7c00
        mov cx, 0x0103
        mov dx, 0x0180          ; block 1009 + 63 + 1
        int 0x13
        CHECK nc, 'int 13h 03h: write'
        mov ah, 0x42
        mov dl, 0x80
        mov si, packet_read
        int 0x13
        CHECK nc, 'int 13h 42h: 200 blocks'
        push ds
        mov ax, 0x3000 + 20 * 0x20 + 64 * 0x20
        mov ds, ax
        xor si, si
        mov di, 0x7c00
        mov cx, 256
        repe cmpsw
        pop ds
        CHECK e, 'int 13h 42h: block 84 of them'
        mov ah, 0x42
        mov dl, 0x80
        mov si, packet_far
        int 0x13
        CHECK c, 'int 13h 42h: beyond the end fails'
        mov ah, 0x01
        mov dl, 0x80
        int 0x13
        CHECK c, 'int 13h 01h: says so'
        mov ax, 0x0201
        mov bx, 0x3400
        mov cx, 0x0040
        mov dx, 0x80
        int 0x13
        CHECK c, 'int 13h 02h: sector 0 fails'
        mov ax, 0x0401
        mov cx, 1
        mov dx, 0x80
        int 0x13
        CHECK nc, 'int 13h 04h: verify'
        mov ax, 0x0201
        mov cx, 1
        mov dx, 0x81
        int 0x13
        CHECK c, 'int 13h 02h: no second disk'
        mov ah, 0x41
        mov bx, 0x55aa
        mov dl, 0x80
        int 0x13
        cmp bx, 0xaa55
        CHECK e, 'int 13h 41h: extensions'
        mov word [0x3400], 26
        mov ah, 0x48
        mov dl, 0x80
        mov si, 0x3400
        int 0x13
        cmp dword [0x3400 + 16], DISK / 512
        CHECK e, 'int 13h 48h: number of blocks'

        mov di, 0x3000          ; 1 KiB to 2 MiB + 100h and back
        mov cx, 512
        mov ax, 0x55aa
        rep stosw
        mov word [move_source], 0x3000
        mov byte [move_source + 2], 0
        mov dword [move_target], 0x200100
        call move
        CHECK nc, 'int 15h 87h: up'
        mov di, 0x3000
        mov cx, 512
        xor ax, ax
        rep stosw
        mov dword [move_source], 0x200100
        mov dword [move_target], 0x3000
        call move
        CHECK nc, 'int 15h 87h: down'
        mov di, 0x3000
        mov cx, 512
        mov ax, 0x55aa
        repe scasw
        CHECK e, 'int 15h 87h: the same came back'
        mov ah, 0x88
        int 0x15
        mov bp, ax
        mov ax, 0xe801
        int 0x15
        cmp ax, 0x3c00
        CHECK e, 'int 15h E801h: 15 MiB'
        shl bx, 6
        add ax, bx
        sub bp, ax              ; E801h counts whole 64 KiB
        cmp bp, 64
        CHECK b, 'int 15h 88h: as E801h'
        mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 20
        xor ebx, ebx
        mov di, 0x3000
        int 0x15
        cmp dword [0x3008], KIB << 10
        CHECK e, 'int 15h E820h: the first entry'
        mov ax, 0x2402
        int 0x15
        cmp al, 1
        CHECK e, 'int 15h 2402h: A20 is on'
        mov ax, 0xf000
        int 0x15
        CHECK c, 'int 15h: unknown fails'
        mov ah, 0
        int 0x1a
        mov bp, dx
        mov cx, 3               ; 250 ms
        mov dx, 0xd090
        mov ah, 0x86
        int 0x15
        mov ah, 0
        int 0x1a
        mov ax, dx
        sub ax, bp
        sub ax, 2               ; 4.5 ticks; a busy host delivers them late
        cmp ax, 30
        CHECK be, 'int 15h 86h: 250 ms'

        mov ah, 0x05
        mov cx, 0x1e61
        int 0x16
        mov ah, 0x01
        int 0x16
        CHECK nz, 'int 16h 01h: a key waits'
        mov ah, 0x00
        int 0x16
        cmp ax, 0x1e61
        CHECK e, 'int 16h 00h: the key'
        mov ah, 0x01
        int 0x16
        CHECK z, 'int 16h 01h: no more'
        mov si, typed
.type:  lodsb
        test al, al
        jz .typed
        call type_key
        jmp .type
.typed: mov ah, 0x10
        int 0x16
        cmp ax, 0x1e41
        CHECK e, 'int 09h: Shift A'
        mov ah, 0x10
        int 0x16
        cmp ax, 0x2e03
        CHECK e, 'int 09h: Ctrl C'
        mov ah, 0x10
        int 0x16
        cmp ax, 0x48e0
        CHECK e, 'int 09h: grey arrow up'
        mov ah, 0x00
        int 0x16
        cmp ax, 0x4d00
        CHECK e, 'int 16h 00h: grey arrow right'
        mov ah, 0x10
        int 0x16
        cmp ax, 0x3000
        CHECK e, 'int 09h: Alt B'
        mov ah, 0x10
        int 0x16
        cmp ax, 0x1051
        CHECK e, 'int 09h: Caps Lock Q'
        mov ah, 0x02
        int 0x16
        cmp al, 0x40
        CHECK e, 'int 16h 02h: Caps Lock'

        mov ax, 0xb101
        int 0x1a
        cmp edx, 0x20494350
        CHECK e, 'int 1Ah B101h: PCI'
        mov ax, 0xb102
        mov cx, 0x7000
        mov dx, 0x8086
        xor si, si
        int 0x1a
        cmp bx, 0x0008
        CHECK e, 'int 1Ah B102h: ISA bridge'
        mov ax, 0xb109
        mov di, 2
        int 0x1a
        cmp cx, 0x7000
        CHECK e, 'int 1Ah B109h: its device id'
        mov ax, 0xb103
        mov ecx, 0x010180
        xor si, si
        int 0x1a
        cmp bx, 0x0009
        CHECK e, 'int 1Ah B103h: IDE'
        mov ah, 0x02
        int 0x1a
        CHECK nc, 'int 1Ah 02h: time'
        cmp ch, 0x24
        CHECK b, 'int 1Ah 02h: hours'

        mov ax, 0x0003
        int 0x10
        mov ah, 0x0f
        int 0x10
        cmp ax, 0x5003
        CHECK e, 'int 10h 0Fh: mode 3'
        mov ax, 0x0e41
        mov bx, 7
        int 0x10
        mov ah, 0x03
        mov bh, 0
        int 0x10
        cmp dx, 1
        CHECK e, 'int 10h 0Eh: moves the cursor'
        mov cx, 30
.feed:  mov ax, 0x0e0a
        int 0x10
        loop .feed
        mov ah, 0x03
        int 0x10
        cmp dx, 0x1801
        CHECK e, 'int 10h 0Eh: stays on the last row'
        mov ah, 0x13
        mov al, 1
        mov bx, 0x001e
        mov cx, 5
        mov dx, 0x0a14
        mov bp, hello
        int 0x10
        mov ah, 0x03
        int 0x10
        cmp dx, 0x0a19
        CHECK e, 'int 10h 13h: moves the cursor'
        mov ah, 0x02
        mov dx, 0x0a14
        int 0x10
        mov ah, 0x08
        int 0x10
        cmp ax, 0x1e48
        CHECK e, 'int 10h 08h: character and attribute'
        mov ax, 0x0703          ; three lines down, rows 8 to 20
        mov bh, 0x07
        mov cx, 0x0800
        mov dx, 0x144f
        int 0x10
        mov ah, 0x02
        mov bh, 0
        mov dx, 0x0d14
        int 0x10
        mov ah, 0x08
        int 0x10
        cmp ax, 0x1e48
        CHECK e, 'int 10h 07h: scrolled down'
        mov ax, 0x0601
        mov bh, 0x07
        mov cx, 0x0000
        mov dx, 0x184f
        int 0x10
        mov ah, 0x02
        mov bh, 0
        mov dx, 0x0c14
        int 0x10
        mov ah, 0x08
        int 0x10
        cmp ax, 0x1e48
        CHECK e, 'int 10h 06h: scrolled up'
        mov ax, 0x1130
        mov bh, 6
        int 0x10
        cmp cx, 16
        CHECK e, 'int 10h 1130h: 16 lines'
        cmp dword [es:bp + 0x41 * 16 + 8], 0
        push ds
        pop es
        CHECK ne, 'int 10h 1130h: there is an A'
        mov ax, 0x0013
        int 0x10
        mov ah, 0x0c
        mov al, 0x2a
        mov cx, 100
        mov dx, 100
        int 0x10
        mov ah, 0x0d
        mov bh, 0
        int 0x10
        cmp al, 0x2a
        CHECK e, 'int 10h 0Dh: pixel of mode 13h'
        mov ax, 0x4f00
        mov di, 0x3000
        int 0x10
        cmp ax, 0x004f
        CHECK e, 'int 10h 4F00h: supported'
        cmp dword [0x3000], 'VESA'
        CHECK e, 'int 10h 4F00h: VESA'
        mov ax, 0x4f01
        mov cx, 0x114
        mov di, 0x3000
        int 0x10
        cmp dword [0x3000 + 18], (600 << 16) | 800
        CHECK e, 'int 10h 4F01h: 800 x 600'
        cmp word [0x3000 + 16], 1600
        CHECK e, 'int 10h 4F01h: bytes to a line'
        cmp dword [0x3000 + 40], 0xc0000000
        CHECK a, 'int 10h 4F01h: frame buffer'
        mov ax, 0x4f02
        mov bx, 0x0114
        int 0x10
        cmp ax, 0x004f
        CHECK e, 'int 10h 4F02h: set'
        mov ax, 0x4f03
        int 0x10
        cmp bx, 0x0114
        CHECK e, 'int 10h 4F03h: the mode'
        push es
        mov ax, 0xa000          ; window 3 is not window 0
        mov es, ax
        mov ax, 0x4f05
        xor bx, bx
        mov dx, 3
        int 0x10
        mov word [es:0x100], 0x1234
        mov ax, 0x4f05
        mov dx, 0
        int 0x10
        cmp word [es:0x100], 0
        CHECK e, 'int 10h 4F05h: window 0'
        mov ax, 0x4f05
        mov dx, 3
        int 0x10
        cmp word [es:0x100], 0x1234
        CHECK e, 'int 10h 4F05h: window 3'
        pop es
        mov ax, 0x0003
        int 0x10
        mov ah, 0x0f
        int 0x10
        cmp al, 3
        CHECK e, 'int 10h 00h: back in mode 3'

        mov si, .end
        call say
        mov al, 0x10
        out 0xf4, al
        hlt
.end:   db 'end', 10, 0

move:   mov ah, 0x87
        mov cx, 512
        mov si, move_table
        int 0x15
        ret

; Makes the keyboard controller say that scan code AL came.
type_key:
        push ax
        call .ready
        mov al, 0xd2
        out 0x64, al
        call .ready
        pop ax
        out 0x60, al
        mov cx, 2000
.wait:  in al, 0x61
        loop .wait
        ret
.ready: in al, 0x64
        test al, 2
        jnz .ready
        ret

good:   call say
        mov si, .text
        jmp say
.text:  db ' ok', 10, 0
bad:    push ax
        call say
        mov si, .text
        call say
        pop ax
        mov cx, 4
.digit: rol ax, 4
        push ax
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        call put
        pop ax
        loop .digit
        mov al, 10
        jmp put
.text:  db ' FAIL ', 0
say:    lodsb
        test al, al
        jz .done
        call put
        jmp say
.done:  ret
put:    push dx
        push ax
        mov dx, 0x3fd
.wait:  in al, dx
        test al, 0x20
        jz .wait
        pop ax
        mov dl, 0xf8
        out dx, al
        pop dx
        ret

hello:  db 'Hello'
typed:  db 0x2a, 0x1e, 0x9e, 0xaa, 0x1d, 0x2e, 0xae, 0x9d, 0xe0, 0x48, 0xe0, 0xc8
        db 0xe0, 0x4d, 0xe0, 0xcd, 0x38, 0x30, 0xb0, 0xb8, 0x3a, 0xba, 0x10, 0x90, 0
        align 4
packet_write:
        dw 16, 1, 0x3000, 0
        dd 1009, 0
packet_read:                    ; 1009 - 20 on
        dw 16, 200, 0, 0x3000
        dd 989, 0
packet_far:
        dw 16, 2, 0x3000, 0
        dd DISK / 512 - 1, 0
move_table:
        dd 0, 0, 0, 0
        dw 0xffff
move_source:
        dd 0
        dw 0x0093
        dw 0xffff
move_target:
        dd 0
        dw 0x0093
        dd 0, 0, 0, 0
        times DISK - ($ - $$) db 0
