; A USB keyboard for INT 16h: reports of the boot protocol become the scan codes that INT 09h takes.
; Spec: USB HID 1.11, appendices B (boot report) and C (roll-over); HID Usage Tables, page 7.
; Eight transfers wait for reports; the clock tick looks at them and repeats keys that are held.
; Not here: the keyboard's lights, more than one keyboard.

KEYS_SIZE       equ 8
REPEAT_FIRST    equ 10          ; ticks
REPEAT_NEXT     equ 2

; POST: device SI is a keyboard.
usb_keyboard_found:
        cmp word [cs:usb_keys_at], 0
        jne .done
        movzx eax, byte [cs:si + U_INTERFACE]
        mov dword [cs:usb_setup], 0x21 | 0x0b << 8      ; SET_PROTOCOL: boot
        mov [cs:usb_setup + 4], eax
        call usb_control
        jc .done
        mov byte [cs:usb_setup + 1], 0x0a       ; SET_IDLE: only changes
        call usb_control
        mov di, KEY_TDS
        mov ebx, USB_BASE + KEY_REPORTS
        xor cl, cl
.next:  movzx eax, di
        add eax, USB_BASE + 16
        cmp di, KEY_TDS + 7 * 16
        jb .link
        mov eax, USB_BASE + KEY_TDS
.link:  mov [fs:di], eax
        mov eax, TD_TRIES | TD_ACTIVE
        or eax, [cs:si + U_SPEED]
        mov [fs:di + 4], eax
        mov [cs:usb_keys_status], eax
        mov eax, (KEYS_SIZE - 1) << 2
        or al, cl               ; toggle
        shl eax, 4
        or al, [cs:si + U_IN]
        shl eax, 7
        or al, [cs:si + U_ADDRESS]
        shl eax, 8
        mov al, PID_IN
        mov [fs:di + 8], eax
        mov [fs:di + 12], ebx
        xor cl, 1
        add ebx, KEYS_SIZE
        add di, 16
        cmp di, KEY_TDS + 8 * 16
        jb .next
        mov word [cs:usb_keys_at], KEY_TDS
        mov dword [fs:QH_KEYS + 4], USB_BASE + KEY_TDS
        inc word [cs:usb_uses]
.done:  ret

; The clock tick: takes the reports that came. DS = BIOS data area.
usb_keyboard_tick:
        pushad
        push fs
        mov ax, USB_SEGMENT
        mov fs, ax
        cld
.next:  mov di, [cs:usb_keys_at]
        mov eax, [fs:di + 4]
        test eax, TD_ACTIVE
        jnz .repeat
        test eax, TD_ERRORS
        jnz .out                ; it is gone, or belongs to an operating system
        lea si, [di - KEY_TDS]
        shr si, 1
        add si, KEY_REPORTS
        push di
        call usb_report
        pop di
        mov eax, [cs:usb_keys_status]
        mov [fs:di + 4], eax
        add di, 16
        cmp di, KEY_TDS + 8 * 16
        jb .advance
        mov di, KEY_TDS
.advance:
        mov [cs:usb_keys_at], di
        jmp short .next
.repeat:
        mov al, [cs:usb_repeat]
        test al, al
        jz .out
        dec byte [cs:usb_repeat_left]
        jnz .out
        mov byte [cs:usb_repeat_left], REPEAT_NEXT
        xor ah, ah
        call usb_key
.out:   pop fs
        popad
        ret

; The report at FS:SI against the one before: what went down, what came up.
usb_report:
        cmp byte [fs:si + 2], 1 ; more keys than it can tell
        je .out
        mov bl, [fs:si]
        mov bh, [cs:usb_keys]
        xor bh, bl
        mov al, 0xe0            ; the eight modifiers
.bit:   shr bl, 1
        sbb ah, ah              ; FFh: down
        not ah
        and ah, 0x80
        shr bh, 1
        jnc .same
        call usb_key
.same:  inc al
        cmp al, 0xe8
        jb .bit
        mov di, 2
.old:   mov al, [cs:usb_keys + di]
        call .in_new
        je .held
        cmp al, [cs:usb_repeat]
        jne .release
        mov byte [cs:usb_repeat], 0
.release:
        mov ah, 0x80
        call usb_key
.held:  inc di
        cmp di, KEYS_SIZE
        jb .old
        mov di, 2
.new:   mov bx, di
        mov al, [fs:si + bx]
        call .in_old
        je .known
        mov [cs:usb_repeat], al
        mov byte [cs:usb_repeat_left], REPEAT_FIRST
        mov ah, 0
        call usb_key
.known: inc di
        cmp di, KEYS_SIZE
        jb .new
        mov eax, [fs:si]
        mov [cs:usb_keys], eax
        mov eax, [fs:si + 4]
        mov [cs:usb_keys + 4], eax
.out:   ret

; ZF if key AL is none, or among those of the report.
.in_new:
        test al, al
        jz .found
        mov bx, 2
.look:  cmp al, [fs:si + bx]
        je .found
        inc bx
        cmp bx, KEYS_SIZE
        jb .look
        test al, al
.found: ret
.in_old:
        test al, al
        jz .found
        mov bx, 2
.look_old:
        cmp al, [cs:usb_keys + bx]
        je .found
        inc bx
        cmp bx, KEYS_SIZE
        jb .look_old
        test al, al
        ret

; Key with usage AL goes down (AH = 0) or up (80h). Keeps all registers.
usb_key:
        pusha
        movzx bx, al
        cmp bl, 0xe0
        jae .modifier
        cmp bl, 0x48
        je .pause
        sub bx, 4
        cmp bx, USB_CODES
        jae .out
        mov al, [cs:usb_codes + bx]
        jmp short .code
.modifier:
        mov al, [cs:.modifiers - 0xe0 + bx]
.code:  test al, al
        jz .out
        jns .plain
        push ax
        mov al, 0xe0
        call .scan
        pop ax
.plain: and al, 0x7f
        or al, ah
        call .scan
.out:   popa
        ret
.pause: test ah, ah
        jnz .out
        mov si, .pause_codes
.byte:  mov al, [cs:si]
        inc si
        push si
        call .scan
        pop si
        cmp si, .pause_codes + 6
        jb .byte
        jmp short .out
.scan:  push ax
        mov ah, 0x4f            ; as for the other keyboard
        stc
        int 0x15
        jnc .eaten
        call key_scan
.eaten: pop ax
        ret
.pause_codes:
        db 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5
.modifiers:
        db 0x1d, 0x2a, 0x38, 0xdb, 0x9d, 0x36, 0xb8, 0xdc

; Scan codes of usages 04h on; bit 7: with E0 before it.
usb_codes:
        db 0x1e, 0x30, 0x2e, 0x20, 0x12, 0x21, 0x22, 0x23, 0x17, 0x24, 0x25, 0x26, 0x32
        db 0x31, 0x18, 0x19, 0x10, 0x13, 0x1f, 0x14, 0x16, 0x2f, 0x11, 0x2d, 0x15, 0x2c
        db 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b
        db 0x1c, 0x01, 0x0e, 0x0f, 0x39, 0x0c, 0x0d, 0x1a, 0x1b, 0x2b, 0x2b, 0x27, 0x28
        db 0x29, 0x33, 0x34, 0x35, 0x3a
        db 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x44, 0x57, 0x58
        db 0xb7, 0x46, 0x00, 0xd2, 0xc7, 0xc9, 0xd3, 0xcf, 0xd1, 0xcd, 0xcb, 0xd0, 0xc8
        db 0x45, 0xb5, 0x37, 0x4a, 0x4e, 0x9c
        db 0x4f, 0x50, 0x51, 0x4b, 0x4c, 0x4d, 0x47, 0x48, 0x49, 0x52, 0x53, 0x56, 0xdd
USB_CODES       equ $ - usb_codes
