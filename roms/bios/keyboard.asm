; INT 09h and INT 16h: the 101-key keyboard in scan code set 1.

; ------------------------------------------------------------------------------- the key buffer

; ZF set if the buffer is full.
key_room:
        push bx
        mov bx, [BDA_KEY_TAIL]
        call key_after
        cmp bx, [BDA_KEY_HEAD]
        pop bx
        ret

key_after:
        inc bx
        inc bx
        cmp bx, [BDA_KEY_END]
        jb .done
        mov bx, [BDA_KEY_START]
.done:  ret

; Appends AX; CF set if there was no room.
key_store:
        push bx
        push si
        mov bx, [BDA_KEY_TAIL]
        mov si, bx
        call key_after
        cmp bx, [BDA_KEY_HEAD]
        stc
        je .done
        mov [si], ax
        mov [BDA_KEY_TAIL], bx
        clc
.done:  pop si
        pop bx
        ret

; Key code of the ASCII character AL in AX; 0 if no key makes it.
key_of_ascii:
        push bx
        push cx
        mov ah, al
        mov bx, key_table
        mov cx, KEY_COUNT
.scan:  cmp ah, [cs:bx]
        je .normal
        cmp ah, [cs:bx + 2]
        je .shift
        cmp ah, [cs:bx + 4]
        je .ctrl
        add bx, 8
        loop .scan
        xor ax, ax
        jmp short .done
.ctrl:  inc bx
        inc bx
.shift: inc bx
        inc bx
.normal:
        mov ax, [cs:bx]
.done:  pop cx
        pop bx
        ret

; ---------------------------------------------------------------------------------------- INT 16h

int16:
        SERVICE_ENTER
        sti
        cmp ah, 0x12
        ja .rest
        movzx bx, ah
        add bx, bx
        call [cs:.table + bx]
        SERVICE_LEAVE
.rest:  cmp ah, 0x92            ; asked for to see that 10h-12h exist
        jne .other
        mov byte [bp + F_AH], 0x80
.other: SERVICE_LEAVE
.table: dw key_get, key_peek, key_flags, key_none, key_none, key_push, key_none, key_none
        dw key_none, key_functions, key_none, key_none, key_none, key_none, key_none, key_none
        dw key_get, key_peek, key_flags2

key_none:
        ret

; AH=00h, 10h: waits for a key.
key_get:
        call mirror_sync
.wait:  call mirror_poll
        cli
        mov bx, [BDA_KEY_HEAD]
        cmp bx, [BDA_KEY_TAIL]
        jne .take
        sti
        hlt
        jmp short .wait
.take:  mov ax, [bx]
        call key_after
        mov [BDA_KEY_HEAD], bx
        sti
        call key_classic
        jc .wait
        mov [bp + F_AX], ax
        ret

; AH=01h, 11h: ZF clear and AX = the next key, which stays in the buffer.
key_peek:
        call mirror_poll
        or byte [bp + F_FLAGS], FLAG_ZF
        or byte [bp + F_FLAGS + 1], 2   ; a caller may poll with interrupts off
        cli
.look:  mov bx, [BDA_KEY_HEAD]
        cmp bx, [BDA_KEY_TAIL]
        je .done
        mov ax, [bx]
        call key_classic
        jc .drop
        mov [bp + F_AX], ax
        and byte [bp + F_FLAGS], ~FLAG_ZF
        ret
.drop:  call key_after
        mov [BDA_KEY_HEAD], bx
        jmp short .look
.done:  ret

; For AH below 10h: keys that the 83-key keyboard had not are turned into those or, CF, dropped.
key_classic:
        test byte [bp + F_AH], 0x10
        jnz .keep
        cmp ah, 0xe0
        jne .grey
        mov ah, 0x1c            ; keypad Enter and slash
        cmp al, 13
        je .keep
        cmp al, 10
        je .keep
        mov ah, 0x35
        jmp short .keep
.grey:  cmp al, 0xe0
        jne .high
        test ah, ah
        jz .keep
        xor al, al
.high:  cmp ah, 0x84
        ja .gone
.keep:  clc
        ret
.gone:  cmp al, 0
        jne .keep
        stc
        ret

key_flags:
        mov al, [BDA_SHIFT]
        mov [bp + F_AL], al
        ret

key_flags2:
        mov al, [BDA_SHIFT]
        mov ah, [BDA_SHIFT2]
        mov bl, ah
        and ah, 0x73
        and bl, 0x04
        shl bl, 5               ; SysReq from bit 2 to bit 7
        or ah, bl
        mov bl, [BDA_KEY_MODE]
        and bl, 0x0c            ; right Ctrl and Alt
        or ah, bl
        mov [bp + F_AX], ax
        ret

; AH=05h: CX into the buffer.
key_push:
        mov ax, cx
        call key_store
        setc [bp + F_AL]
        ret

key_functions:
        mov byte [bp + F_AL], 0x20
        ret

; ---------------------------------------------------------------------------------------- INT 09h

int09:
        SERVICE_ENTER
        in al, 0x64
        test al, 1
        jz .eoi
        in al, 0x60
        mov ah, 0x4f            ; programs may change or eat the scan code
        stc
        int 0x15
        jnc .eoi
        call key_scan
.eoi:   mov al, 0x20
        out 0x20, al
        SERVICE_LEAVE

; Bits of BDA_SHIFT and of BDA_SHIFT2 that a key holds down, by scan code.
key_shifts:
        db 0x2a, 0x02, 0x36, 0x01, 0x1d, 0x04, 0x38, 0x08
KEY_SHIFTS      equ ($ - key_shifts) / 2
; Lock keys: scan code, bit in BDA_SHIFT (and, while held, in BDA_SHIFT2).
key_locks:
        db 0x3a, 0x40, 0x45, 0x20, 0x46, 0x10
KEY_LOCKS       equ ($ - key_locks) / 2

; Scan code AL.
key_scan:
        mov bl, [BDA_KEY_MODE]
        cmp al, 0xe0
        je .prefix0
        cmp al, 0xe1
        je .prefix1
        mov bh, bl              ; BH = the prefixes this code came with
        and byte [BDA_KEY_MODE], 0xfc
        test bh, 1
        jz .normal
        mov ah, al              ; Pause: E1 1D 45 E1 9D C5
        and ah, 0x7f
        cmp ah, 0x1d
        jne .out
        or byte [BDA_KEY_MODE], 1
        ret
.prefix0:
        or byte [BDA_KEY_MODE], 2
        ret
.prefix1:
        or byte [BDA_KEY_MODE], 1
.out:   ret
.normal:
        mov ah, al
        and ah, 0x7f
        mov si, key_shifts
        mov cx, KEY_SHIFTS
.shift: cmp ah, [cs:si]
        je .shifted
        add si, 2
        loop .shift
        test bh, 2
        jnz .pressed
        mov si, key_locks
        mov cx, KEY_LOCKS
.lock:  cmp ah, [cs:si]
        je .locked
        add si, 2
        loop .lock
.pressed:
        test al, al
        js .out
        jmp key_press

.shifted:
        mov cl, [cs:si + 1]
        test bh, 2
        jz .left
        test cl, 3              ; E0 2A and E0 36 are no shift keys
        jnz .out
        mov ch, cl              ; right Ctrl, right Alt
        call .hold
        mov [BDA_SHIFT], dl
        mov dl, [BDA_KEY_MODE]
        call .bit
        mov [BDA_KEY_MODE], dl
        jmp short .alt
.left:  mov ch, cl
        call .hold
        mov [BDA_SHIFT], dl
        test cl, 0x0c
        jz .out
        shr ch, 2               ; left Ctrl = bit 0, left Alt = bit 1
        mov dl, [BDA_SHIFT2]
        call .bit
        mov [BDA_SHIFT2], dl
.alt:   cmp cl, 8               ; letting go of Alt ends a number typed on the keypad
        jne .out
        test al, al
        jns .out
        xor ax, ax
        xchg al, [BDA_ALT_NUMBER]
        test al, al
        jz .out
        jmp key_store
.hold:  mov dl, [BDA_SHIFT]
.bit:   or dl, ch
        test al, al
        jns .held
        not ch
        and dl, ch
        not ch
.held:  ret

.locked:
        mov cl, [cs:si + 1]
        test al, al
        js .release
        test [BDA_SHIFT2], cl   ; repeats do not toggle
        jnz .out
        or [BDA_SHIFT2], cl
        cmp cl, 0x10
        jne .toggle
        test byte [BDA_SHIFT], 4
        jz .toggle
        mov byte [BDA_BREAK], 0x80      ; Ctrl-Break
        mov bx, [BDA_KEY_START]
        mov [BDA_KEY_HEAD], bx
        mov [BDA_KEY_TAIL], bx
        int 0x1b
        xor ax, ax
        jmp key_store
.toggle:
        xor [BDA_SHIFT], cl
        ret
.release:
        not cl
        and [BDA_SHIFT2], cl
        ret

; Key AH goes down; BH bit 1: with an E0 before it.
key_press:
        mov bl, [BDA_SHIFT]
        mov al, bl
        and al, 0x0c
        cmp al, 0x0c
        jne .no_reset
        cmp ah, 0x53            ; Ctrl-Alt-Del
        jne .no_reset
        mov word [BDA_WARM], 0x1234
        jmp restart
.no_reset:
        movzx si, ah
        cmp ah, 0x58
        ja .none
        dec si
        shl si, 3
        add si, key_table
        test bh, 2
        jnz .extended
        test bl, 8
        jnz .alt
        test bl, 4
        jnz .ctrl
        mov al, bl
        and al, 3
        setnz al                ; shifted
        cmp ah, 0x47
        jb .letter
        cmp ah, 0x53
        ja .pick
        test bl, 0x20           ; Num Lock turns the keypad round
        jz .pick
        xor al, 1
        jmp short .pick
.letter:
        test bl, 0x40           ; Caps Lock turns letters round
        jz .pick
        mov ch, [cs:si]
        cmp ch, 'a'
        jb .pick
        cmp ch, 'z'
        ja .pick
        xor al, 1
.pick:  test al, al
        jz .get
        inc si
        inc si
.get:   mov ax, [cs:si]
        test ax, ax
        jz .none
        jmp key_store
.ctrl:  add si, 4
        jmp short .get
.alt:   cmp ah, 0x47
        jb .alt_get
        cmp ah, 0x52
        ja .alt_get
        mov al, [cs:si + 2]     ; digits make a character code
        sub al, '0'
        jb .alt_get
        mov ah, al
        mov al, [BDA_ALT_NUMBER]
        mov ch, 10
        push ax
        mul ch
        mov ch, al
        pop ax
        add ch, ah
        mov [BDA_ALT_NUMBER], ch
.none:  ret
.alt_get:
        add si, 6
        jmp short .get

.extended:
        cmp ah, 0x1c
        je .enter
        cmp ah, 0x35
        je .slash
        cmp ah, 0x37
        je .print
        cmp ah, 0x46
        je .break
        cmp ah, 0x47
        jb .none
        test bl, 8
        jnz .grey_alt
        test bl, 4
        jnz .grey_ctrl
        mov al, 0xe0
        jmp key_store
.grey_ctrl:
        mov ah, [cs:si + 5]
        mov al, 0xe0
        jmp key_store
.grey_alt:
        add ah, 0x50            ; 97h Home ... A3h Del
        xor al, al
        jmp key_store
.enter: mov ax, 0xa600
        test bl, 8
        jnz key_store
        mov ax, 0xe00a
        test bl, 4
        jnz key_store
        mov al, 13
        jmp key_store
.slash: mov ax, 0xa400
        test bl, 8
        jnz key_store
        mov ax, 0x9500
        test bl, 4
        jnz key_store
        mov ax, 0xe02f
        jmp key_store
.print: int 0x05
        ret
.break: mov byte [BDA_BREAK], 0x80
        int 0x1b
        ret

%macro KEY 4
        dw %1, %2, %3, %4
%endmacro
; A letter: scan code, small letter.
%macro LETTER 2
        dw (%1 << 8) | %2, (%1 << 8) | (%2 - 32), (%1 << 8) | (%2 - 96), %1 << 8
%endmacro

; By scan code from 01h: alone, with Shift, Ctrl, Alt. 0: nothing.
key_table:
        KEY 0x011b, 0x011b, 0x011b, 0x0100
        KEY 0x0231, 0x0221, 0, 0x7800
        KEY 0x0332, 0x0340, 0x0300, 0x7900
        KEY 0x0433, 0x0423, 0, 0x7a00
        KEY 0x0534, 0x0524, 0, 0x7b00
        KEY 0x0635, 0x0625, 0, 0x7c00
        KEY 0x0736, 0x075e, 0x071e, 0x7d00
        KEY 0x0837, 0x0826, 0, 0x7e00
        KEY 0x0938, 0x092a, 0, 0x7f00
        KEY 0x0a39, 0x0a28, 0, 0x8000
        KEY 0x0b30, 0x0b29, 0, 0x8100
        KEY 0x0c2d, 0x0c5f, 0x0c1f, 0x8200
        KEY 0x0d3d, 0x0d2b, 0, 0x8300
        KEY 0x0e08, 0x0e08, 0x0e7f, 0x0e00
        KEY 0x0f09, 0x0f00, 0x9400, 0xa500
        LETTER 0x10, 'q'
        LETTER 0x11, 'w'
        LETTER 0x12, 'e'
        LETTER 0x13, 'r'
        LETTER 0x14, 't'
        LETTER 0x15, 'y'
        LETTER 0x16, 'u'
        LETTER 0x17, 'i'
        LETTER 0x18, 'o'
        LETTER 0x19, 'p'
        KEY 0x1a5b, 0x1a7b, 0x1a1b, 0x1a00
        KEY 0x1b5d, 0x1b7d, 0x1b1d, 0x1b00
        KEY 0x1c0d, 0x1c0d, 0x1c0a, 0x1c00
        KEY 0, 0, 0, 0
        LETTER 0x1e, 'a'
        LETTER 0x1f, 's'
        LETTER 0x20, 'd'
        LETTER 0x21, 'f'
        LETTER 0x22, 'g'
        LETTER 0x23, 'h'
        LETTER 0x24, 'j'
        LETTER 0x25, 'k'
        LETTER 0x26, 'l'
        KEY 0x273b, 0x273a, 0, 0x2700
        KEY 0x2827, 0x2822, 0, 0x2800
        KEY 0x2960, 0x297e, 0, 0x2900
        KEY 0, 0, 0, 0
        KEY 0x2b5c, 0x2b7c, 0x2b1c, 0x2b00
        LETTER 0x2c, 'z'
        LETTER 0x2d, 'x'
        LETTER 0x2e, 'c'
        LETTER 0x2f, 'v'
        LETTER 0x30, 'b'
        LETTER 0x31, 'n'
        LETTER 0x32, 'm'
        KEY 0x332c, 0x333c, 0, 0x3300
        KEY 0x342e, 0x343e, 0, 0x3400
        KEY 0x352f, 0x353f, 0, 0x3500
        KEY 0, 0, 0, 0
        KEY 0x372a, 0x372a, 0x9600, 0x3700
        KEY 0, 0, 0, 0
        KEY 0x3920, 0x3920, 0x3920, 0x3920
        KEY 0, 0, 0, 0
%assign i 0
%rep 10
        KEY 0x3b00 + (i << 8), 0x5400 + (i << 8), 0x5e00 + (i << 8), 0x6800 + (i << 8)
%assign i i + 1
%endrep
        KEY 0, 0, 0, 0
        KEY 0, 0, 0, 0
        KEY 0x4700, 0x4737, 0x7700, 0
        KEY 0x4800, 0x4838, 0x8d00, 0
        KEY 0x4900, 0x4939, 0x8400, 0
        KEY 0x4a2d, 0x4a2d, 0x8e00, 0x4a00
        KEY 0x4b00, 0x4b34, 0x7300, 0
        KEY 0x4c00, 0x4c35, 0x8f00, 0
        KEY 0x4d00, 0x4d36, 0x7400, 0
        KEY 0x4e2b, 0x4e2b, 0x9000, 0x4e00
        KEY 0x4f00, 0x4f31, 0x7500, 0
        KEY 0x5000, 0x5032, 0x9100, 0
        KEY 0x5100, 0x5133, 0x7600, 0
        KEY 0x5200, 0x5230, 0x9200, 0
        KEY 0x5300, 0x532e, 0x9300, 0
        KEY 0, 0, 0, 0
        KEY 0, 0, 0, 0
        KEY 0x565c, 0x567c, 0, 0
        KEY 0x8500, 0x8700, 0x8900, 0x8b00
        KEY 0x8600, 0x8800, 0x8a00, 0x8c00
KEY_COUNT       equ ($ - key_table) / 8

; ------------------------------------------------------------------------------------------- POST

; The controller and the keyboard: self-tests, translation to set 1, IRQ 1.
keyboard_init:
        mov word [BDA_KEY_START], BDA_KEY_BUFFER
        mov word [BDA_KEY_END], BDA_KEY_BUFFER + 32
        mov word [BDA_KEY_HEAD], BDA_KEY_BUFFER
        mov word [BDA_KEY_TAIL], BDA_KEY_BUFFER
        mov byte [BDA_KEY_MODE], 0x10   ; 101 keys
        mov cx, 64
.drain: in al, 0x64
        test al, 1
        jz .empty
        in al, 0x60
        loop .drain
.empty: mov al, 0xaa
        call .command
        call .answer
        cmp al, 0x55
        jne .done
        mov al, 0xab
        call .command
        call .answer
        mov al, 0xae
        call .command
        mov al, 0x60
        call .command
        mov al, 0x60            ; mouse off, translation on, interrupts off yet
        call .data
        mov al, 0xff
        call .data
        call .answer            ; FA, AA
        call .answer
        mov al, 0xf4
        call .data
        call .answer
        mov al, 0x60
        call .command
        mov al, 0x65
        call .data
.done:  ret
.command:
        call .ready
        out 0x64, al
        ret
.data:  call .ready
        out 0x60, al
        ret
.ready: push ax
        xor cx, cx
.busy:  in al, 0x64
        test al, 2
        loopnz .busy
        pop ax
        ret
.answer:
        xor cx, cx
.none:  in al, 0x64
        test al, 1
        loopz .none
        in al, 0x60
        ret
