; INT 10h in VGA's graphics modes: pixels, characters, scrolling, reading a character back.
; Spec: IBM PS/2 and PC BIOS interface technical reference, INT 10h AH=06h-0Eh; IBM VGA technical
; reference (how each mode keeps its pixels).

KIND_TEXT       equ 0
KIND_CGA4       equ 1           ; two bits to a pixel, odd lines 8 KiB behind the even ones
KIND_CGA2       equ 2           ; one bit, the same way
KIND_PLANAR     equ 3
KIND_LINEAR     equ 4
KIND_OTHER      equ 5
CGA_BANK        equ 0x2000
CGA_LINE        equ 80

; AH := how the mode keeps its pixels.
video_kind:
        push bx
        movzx bx, byte [BDA_VIDEO_MODE]
        mov ah, KIND_OTHER
        cmp bl, 0x13
        ja .done
        mov ah, [cs:.kinds + bx]
.done:  pop bx
        ret
.kinds: db KIND_TEXT, KIND_TEXT, KIND_TEXT, KIND_TEXT, KIND_CGA4, KIND_CGA4, KIND_CGA2, KIND_TEXT
        times 5 db KIND_OTHER
        times 6 db KIND_PLANAR
        db KIND_LINEAR

; ES := the segment of the pixels.
graphics_segment:
        push ax
        mov ax, 0xb800
        cmp byte [BDA_VIDEO_MODE], 6
        jbe .set
        mov ah, 0xa0
.set:   mov es, ax
        pop ax
        ret

; Graphics controller register AL := AH. Keeps all registers.
graphics_register:
        push dx
        mov dx, 0x3ce
        out dx, ax
        pop dx
        ret

; Planes AH are those that writes reach. Keeps all registers.
plane_mask:
        push ax
        push dx
        mov al, 2
        mov dx, 0x3c4
        out dx, ax
        pop dx
        pop ax
        ret

; The graphics controller as the modes set it: nothing comes between the processor and the planes.
graphics_plain:
        push ax
        mov ah, 0x0f
        call plane_mask
        mov ax, 0x0001          ; no set and reset
        call graphics_register
        mov ax, 0x0003          ; no function
        call graphics_register
        mov ax, 0x0005          ; write mode 0, read mode 0
        call graphics_register
        mov ax, 0xff08
        call graphics_register
        pop ax
        ret

; Page BH, line AX -> DI, offset of its first byte, ES its segment. Changes AX.
graphics_line:
        push dx
        push bx
        call graphics_segment
        cmp byte [BDA_VIDEO_MODE], 6
        ja .even
        xor di, di
        shr ax, 1
        jnc .bank
        mov di, CGA_BANK
.bank:  imul ax, ax, CGA_LINE
        add di, ax
        jmp short .done
.even:  mul word [BDA_COLUMNS]
        cmp byte [BDA_VIDEO_MODE], 0x13
        jne .page
        shl ax, 3
        mov bh, 0
.page:  mov di, ax
        movzx ax, bh
        mul word [BDA_PAGE_SIZE]
        add di, ax
.done:  pop bx
        pop dx
        ret

; ------------------------------------------------------------------------------------- pixels

; Page BH, column CX, line DX -> ES:DI, AH = kind, CL = shift of the pixel in its byte, or CF.
pixel_address:
        call video_kind
        push ax
        mov ax, dx
        call graphics_line
        pop ax
        mov dx, cx
        mov cl, 0
        cmp ah, KIND_LINEAR
        je .add
        ja .none
        cmp ah, KIND_CGA4
        jb .none
        mov cl, dl
        not cl
        and cl, 7
        shr dx, 3
        cmp ah, KIND_CGA4
        jne .add
        mov dx, [bp + F_CX]
        mov cl, dl
        not cl
        and cl, 3
        add cl, cl
        shr dx, 2
.add:   add di, dx
        clc
        ret
.none:  stc
        ret

; AH=0Ch: pixel CX, DX of page BH := AL; bit 7 (not in mode 13h): exclusive or.
video_set_pixel:
        mov bx, [bp + F_BX]
        push ax
        call pixel_address
        pop bx
        jc .done
        cmp ah, KIND_PLANAR
        je .planar
        mov bh, 3               ; BL = colour, BH = its mask
        cmp ah, KIND_CGA4
        je .bits
        mov bh, 1
        cmp ah, KIND_CGA2
        je .bits
        mov [es:di], bl
.done:  ret
.bits:  mov al, bl
        and bl, bh
        shl bx, cl              ; neither leaves its half
        test al, al
        js .xor
        not bh
        and [es:di], bh
.xor:   xor [es:di], bl
        ret
.planar:
        call graphics_plain
        mov ah, 1
        shl ah, cl
        mov al, 8
        call graphics_register
        mov ah, bl
        mov al, 0
        call graphics_register
        mov ax, 0x0f01
        call graphics_register
        test bl, bl
        jns .write
        mov ax, 0x1803
        call graphics_register
.write: or [es:di], al          ; a read for the latches, then a write
        jmp graphics_plain

; AH=0Dh: AL := pixel CX, DX of page BH.
video_get_pixel:
        mov bx, [bp + F_BX]
        call pixel_address
        jc .done
        cmp ah, KIND_PLANAR
        je .planar
        mov al, [es:di]
        cmp ah, KIND_LINEAR
        je .set
        shr al, cl
        and al, 3
        cmp ah, KIND_CGA4
        je .set
        and al, 1
.set:   mov [bp + F_AL], al
.done:  ret
.planar:
        xor bl, bl
        mov ax, 0x0304
.plane: call graphics_register
        mov ch, [es:di]
        shr ch, cl
        shr ch, 1
        rcl bl, 1
        dec ah
        jns .plane
        mov ax, 0x0004
        call graphics_register
        mov al, bl
        jmp short .set

; --------------------------------------------------------------------------------- characters

; The glyph of AL -> FS:SI. In CGA modes the upper half of the codes has a table of its own.
glyph_of:
        push ax
        push bx
        push ds
        mov bl, [BDA_CHAR_HEIGHT]
        mov bh, [BDA_VIDEO_MODE]
        xor si, si
        mov ds, si
        mov si, 0x43 * 4
        cmp bh, 6
        ja .table
        test al, al
        jns .table
        mov si, 0x1f * 4
        and al, 0x7f
.table: lfs si, [si]
        mul bl
        add si, ax
        pop ds
        pop bx
        pop ax
        ret

; Row DH, column DL -> AX = its first line, CX = its lines, DX = bytes from the left edge.
glyph_place:
        movzx cx, byte [BDA_CHAR_HEIGHT]
        movzx ax, dh
        imul ax, cx
        mov dh, 0
; DX columns -> DX bytes.
column_bytes:
        cmp byte [BDA_VIDEO_MODE], 5
        jbe .double
        cmp byte [BDA_VIDEO_MODE], 0x13
        jne .done
        shl dx, 2
.double:
        add dx, dx
.done:  ret

; AL on page BH at row DH, column DL in colour BL; bit 7 (not in mode 13h): exclusive or.
graphics_glyph:
        pusha
        push es
        push fs
        call glyph_of
        call video_kind
        cmp ah, KIND_OTHER
        je .done
        mov ch, ah
        push cx
        call glyph_place
        pop bp
        and bp, 0xff00          ; BP bits 15-8: the kind
        cmp bp, KIND_PLANAR << 8
        jne .line
        call graphics_plain
        test bl, bl
        jns .line
        push ax
        mov ax, 0x1803
        call graphics_register
        pop ax
.line:  push ax
        call graphics_line
        add di, dx
        mov al, [fs:si]
        inc si
        call .row
        pop ax
        inc ax
        loop .line
        cmp bp, KIND_PLANAR << 8
        jne .done
        call graphics_plain
.done:  pop fs
        pop es
        popa
        ret

; Eight pixels AL in colour BL to ES:DI. Changes AX, DI.
.row:   cmp bp, KIND_PLANAR << 8
        je .planar
        ja .linear
        cmp bp, KIND_CGA2 << 8
        je .single
        push cx                 ; each bit becomes the colour's two
        push dx
        mov cx, 8
        xor dx, dx
.pair:  shl dx, 2
        add al, al
        jnc .blank
        mov ah, bl
        and ah, 3
        or dl, ah
.blank: loop .pair
        xchg dl, dh
        test bl, bl
        js .flip
        mov word [es:di], 0
.flip:  xor [es:di], dx
        pop dx
        pop cx
        ret
.single:
        test bl, 1
        jnz .ink
        mov al, 0
.ink:   test bl, bl
        js .invert
        mov byte [es:di], 0
.invert:
        xor [es:di], al
        ret
.planar:
        mov ah, bl
        call plane_mask
        test bl, bl
        js .latched
        mov [es:di], al
        not ah
        call plane_mask
        mov byte [es:di], 0
        ret
.latched:
        xchg [es:di], al        ; a read for the latches, then a write
        ret
.linear:
        push cx
        mov cx, 8
.dot:   add al, al
        mov ah, bl
        jc .put
        mov ah, 0
.put:   mov [es:di], ah
        inc di
        loop .dot
        pop cx
        ret

; Row DH, column DL one character on; C behind the last one of the screen.
next_cell:
        inc dl
        cmp dl, [BDA_COLUMNS]
        jb .stay
        mov dl, 0
        inc dh
        cmp [BDA_ROWS], dh
        ret
.stay:  clc
        ret

; AH=09h, 0Ah: AL in colour BL, CX times from row DH, column DL of page BH.
graphics_write:
        jcxz .done
.next:  call graphics_glyph
        call next_cell
        jc .done
        loop .next
.done:  ret

; AH=08h on page BH: the code whose glyph is what stands at the cursor, 0 if none is.
graphics_read:
        push bp
        push fs
        sub sp, 32              ; the glyph
        cmp ah, KIND_OTHER
        mov al, 0
        je .found
        call cursor_slot
        mov dx, [si]
        mov ch, ah
        push cx
        call glyph_place
        pop bp
        and bp, 0xff00          ; BP bits 15-8: the kind
        mov si, sp
        cmp cx, 32
        jbe .line
        mov cx, 32
.line:  push ax
        call graphics_line
        add di, dx
        call .row
        mov [ss:si], al
        inc si
        pop ax
        inc ax
        loop .line
        push ss
        pop es
        mov al, 0
.code:  call glyph_of
        movzx cx, byte [BDA_CHAR_HEIGHT]
        mov di, sp
.compare:
        mov dl, [fs:si]
        cmp dl, [es:di]
        jne .differs
        inc si
        inc di
        loop .compare
        jmp short .found
.differs:
        inc al
        jnz .code
.found: add sp, 32
        pop fs
        pop bp
        mov [bp + F_AL], al
        ret

; Eight pixels at ES:DI that differ from 0 -> AL. Changes AX, DI.
.row:   cmp bp, KIND_PLANAR << 8
        je .planar
        ja .linear
        mov al, [es:di]
        cmp bp, KIND_CGA2 << 8
        je .single
        mov ah, al
        mov al, [es:di + 1]
        push cx
        push dx
        mov cx, 8
.pair:  mov dh, ah
        shl ax, 2
        add dl, dl
        test dh, 0xc0
        jz .blank
        inc dx
.blank: loop .pair
        mov al, dl
        pop dx
        pop cx
.single:
        ret
.planar:
        push cx
        mov ch, 0
        mov ax, 0x0304
.plane: call graphics_register
        or ch, [es:di]
        dec ah
        jns .plane
        mov ax, 0x0004
        call graphics_register
        mov al, ch
        pop cx
        ret
.linear:
        push cx
        mov cx, 8
.dot:   add al, al
        cmp byte [es:di], 0
        je .paper
        inc ax
.paper: inc di
        loop .dot
        pop cx
        ret

; --------------------------------------------------------------------------------- scrolling

; The window CX..DX of the active page by AL rows (0: all of them), AH = 06h up, 07h down, colour BH
; behind them. Keeps all registers.
graphics_scroll:
        pusha
        mov bp, sp
        sub sp, 8
        push es
        call video_kind
        cmp ah, KIND_OTHER
        je .done
        mov [bp + .KIND], ah
        movzx dx, cl
        call column_bytes
        mov [bp + .OFFSET], dx
        mov dl, [bp + .DL]
        mov dh, 0
        sub dl, cl
        inc dx
        call column_bytes
        mov [bp + .WIDTH], dx
        mov dl, [bp + .DH]      ; DL = rows of the window, AL = how many of them go
        sub dl, ch
        inc dl
        mov al, [bp + .AL]
        cmp al, dl
        ja .all
        test al, al
        jnz .some
.all:   mov al, dl
.some:  sub dl, al
        mov bl, [BDA_CHAR_HEIGHT]
        mul bl
        mov si, ax              ; SI = lines to clear
        mov al, dl
        mul bl
        mov cx, ax              ; CX = lines to move
        movzx ax, byte [bp + .CH]
        mul bl                  ; AX = the first to be written, [STEP] leads to the next,
        mov word [bp + .STEP], 1
        mov dx, si              ; and DX from a line to the one it becomes
        cmp byte [bp + .AH], 7
        jne .up
        add ax, cx
        add ax, si
        dec ax
        mov word [bp + .STEP], -1
        neg dx
.up:    mov bh, [BDA_PAGE]
        cmp byte [bp + .KIND], KIND_PLANAR
        jne .move
        call graphics_plain
        push ax
        mov ax, 0x0105          ; write mode 1: all planes go through the latches
        call graphics_register
        pop ax
.move:  jcxz .moved
        push cx
        push si
        push ax
        add ax, dx
        call graphics_line
        mov si, di
        pop ax
        push ax
        call graphics_line
        pop ax
        mov cx, [bp + .OFFSET]
        add si, cx
        add di, cx
        mov cx, [bp + .WIDTH]
        es rep movsb
        pop si
        pop cx
        add ax, [bp + .STEP]
        dec cx
        jmp short .move
.moved: mov dx, ax              ; DX = the line to clear
        mov al, [bp + .BH]
        mov ah, [bp + .KIND]
        cmp ah, KIND_PLANAR
        jne .packed
        call graphics_plain
        mov ah, al
        mov al, 0
        call graphics_register
        mov ax, 0x0f01
        call graphics_register
        jmp short .clear
.packed:
        ja .clear
        cmp ah, KIND_CGA4
        je .two
        and al, 1
        neg al
        jmp short .clear
.two:   and al, 3
        mov ah, 0x55
        mul ah
.clear: push ax
        mov ax, dx
        call graphics_line
        pop ax
        add di, [bp + .OFFSET]
        mov cx, [bp + .WIDTH]
        rep stosb
        add dx, [bp + .STEP]
        dec si
        jnz .clear
        cmp byte [bp + .KIND], KIND_PLANAR
        jne .done
        call graphics_plain
.done:  pop es
        mov sp, bp
        popa
        ret
.KIND   equ -2                  ; below and above BP
.WIDTH  equ -4
.OFFSET equ -6
.STEP   equ -8
.BH     equ 9
.DL     equ 10
.DH     equ 11
.CH     equ 13
.AL     equ 14
.AH     equ 15
